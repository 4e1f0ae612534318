"""JSON as the service sends it: UTF-8, and said to be."""

from fastapi.responses import JSONResponse


class Json(JSONResponse):
    """An answer with a JSON body."""

    media_type = "application/json; charset=utf-8"
