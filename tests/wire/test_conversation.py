"""What is promised of asking: how often, for how long, and what an error then says."""

import json
from math import inf
from pathlib import Path

import pytest

from airflow_aml_retrain.errors import ServiceUnavailable, UnexpectedAnswer, WireError
from airflow_aml_retrain.wire.conversation import DOUBT, SETTLING, Request, Response, ask
from tests.wire.rehearsal import answered, refused, rehearse

URL = "https://region.services.azureml.net/workspaces/w/services/s/jobs"
GET, POST = Request("GET", URL), Request("POST", URL, {})
AWAY = ServiceUnavailable("no answer", elapsed=2.0)
RETRIED = (408, 429, 500, 502, 503, 504, 509)


def _documented() -> list[tuple[int, str, str, str, str]]:
    table = json.loads((Path(__file__).parent / "error_codes.json").read_text())
    return [
        (row["status"], row["code"], row["message"], detail["code"], detail["message"])
        for row in table["errors"]
        for detail in row["details"] or [{"code": "", "message": ""}]
    ]


DOCUMENTED = _documented()


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
@pytest.mark.parametrize("request_", [GET, POST])
def test_any_2xx_is_success(request_: Request, status: int) -> None:
    assert rehearse(ask(request_), [answered(None, status)]).status == status


@pytest.mark.parametrize("status", RETRIED)
@pytest.mark.parametrize("request_", [GET, POST])
def test_an_answer_that_means_not_now_is_asked_again(request_: Request, status: int) -> None:
    steps: list[str] = []

    rehearse(ask(request_), [answered(None, status), AWAY, answered()], steps)

    assert steps == [request_.line, "pause 1", request_.line, "pause 2", request_.line]


def test_a_read_is_repeated_through_a_day_of_outage() -> None:
    steps: list[str] = []

    rehearse(ask(GET), [*[AWAY] * 1500, answered()], steps)

    assert len(steps) == 3001
    assert steps[-2] == "pause 60"


def test_a_write_is_repeated_for_ten_minutes_and_no_longer() -> None:
    steps: list[str] = []

    with pytest.raises(ServiceUnavailable, match=r"gave up after 5\d\d s: no answer"):
        rehearse(ask(POST), [AWAY] * 100, steps)

    assert sum(float(step[6:]) for step in steps if step.startswith("pause")) <= 600


def test_the_time_that_attempts_take_counts_as_waiting() -> None:
    slow = ServiceUnavailable("no answer", elapsed=400.0)

    with pytest.raises(ServiceUnavailable, match="gave up after 801 s"):
        rehearse(ask(POST), [slow] * 3)


def test_the_service_is_left_alone_for_as_long_as_it_asks() -> None:
    steps: list[str] = []
    busy = answered(None, 503, {"retry-after": "17"})

    rehearse(ask(GET), [busy, answered()], steps)

    assert steps[1] == "pause 17"


@pytest.mark.parametrize("wish", ["Wed, 21 Oct 2015 07:28:00 GMT", "-1", "999999", "٣"])
def test_an_odd_retry_after_neither_fails_nor_stalls(wish: str) -> None:
    steps: list[str] = []

    rehearse(ask(GET), [answered(None, 503, {"retry-after": wish}), answered()], steps)

    assert float(steps[1].removeprefix("pause ")) <= 300


def test_a_refused_key_is_renewed_once() -> None:
    steps: list[str] = []
    wrong = refused(401, "Unauthorized", "Request is unauthorized to access resource.")

    with pytest.raises(UnexpectedAnswer, match="Unauthorized"):
        rehearse(ask(GET), [wrong, wrong], steps)

    assert steps == [GET.line, f"{GET.line} with a renewed key"]


def test_a_renewal_that_a_lost_connection_swallowed_is_made_again() -> None:
    steps: list[str] = []

    rehearse(ask(GET), [answered(None, 401), AWAY, answered()], steps)

    assert steps[-1] == f"{GET.line} with a renewed key"


@pytest.mark.parametrize("status", [401, 404, 503])
def test_a_fresh_endpoint_may_be_unknown_for_a_minute(status: int) -> None:
    steps: list[str] = []
    unknown = answered(None, status)

    rehearse(ask(POST, settling=SETTLING), [unknown, unknown, unknown, answered()], steps)

    assert steps[-1] == POST.line


@pytest.mark.parametrize("status", [401, 404])
def test_an_endpoint_that_is_still_unknown_after_a_minute_is_an_error(status: int) -> None:
    steps: list[str] = []

    with pytest.raises(UnexpectedAnswer):
        rehearse(ask(POST, settling=SETTLING), [answered(None, status)] * 99, steps)

    waited = sum(float(step[6:]) for step in steps if step.startswith("pause"))
    assert SETTLING <= waited <= 2 * SETTLING


@pytest.mark.parametrize("status", [301, 302, 304, 400, 403, 404, 409, 413])
def test_anything_else_is_an_error_at_once(status: int) -> None:
    with pytest.raises(UnexpectedAnswer) as caught:
        rehearse(ask(GET), [answered(None, status)])

    assert caught.value.status == status
    assert str(caught.value).startswith(f"GET {URL}: expected HTTP 2xx, got {status}")


@pytest.mark.parametrize(("status", "code", "reason", "detail", "message"), DOCUMENTED)
def test_every_documented_error_is_told_with_code_details_and_message(
    status: int, code: str, reason: str, detail: str, message: str
) -> None:
    details = {detail: message} if detail else {}

    with pytest.raises((UnexpectedAnswer, ServiceUnavailable)) as caught:
        rehearse(ask(POST), [refused(status, code, reason, **details)] * 99)

    told = caught.value
    why = told if isinstance(told, UnexpectedAnswer) else told.__cause__
    assert isinstance(why, UnexpectedAnswer)
    assert isinstance(told, ServiceUnavailable) == (status in RETRIED)
    assert (why.status, why.code, why.reason) == (status, code, reason)
    assert why.details == tuple(details.items())
    assert all(part in str(told) for part in (str(status), code, reason, detail, message))


def test_the_table_of_documented_errors_is_whole() -> None:
    assert len([row for row in DOCUMENTED if row[3]]) == 110
    assert len({row[:2] for row in DOCUMENTED}) == 18


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b'{"error": "no"}', b'{"error": {"details": 3}}', b"\xff"]
)
def test_an_error_in_another_shape_is_told_by_its_body(body: bytes) -> None:
    with pytest.raises(UnexpectedAnswer, match="got 400") as caught:
        rehearse(ask(GET), [Response(400, body)])

    assert caught.value.details == ()


def test_an_error_never_repeats_a_secret_that_the_service_echoed() -> None:
    sas, key = "?sv=2015&sig=aB%2Bc%3D&sp=r", "k" * 86 + "=="
    echo = f"Unable to access https://a.blob.core.windows.net/c/b.csv{sas} with {key}"

    with pytest.raises(UnexpectedAnswer) as caught:
        rehearse(ask(GET), [refused(400, "BadArgument", echo, BlobNotFound=echo)])

    told = f"{caught.value} {caught.value.reason} {caught.value.details}"
    assert "aB%2Bc" not in told
    assert key not in told
    assert "b.csv" in told


def test_a_body_in_another_shape_is_shown_without_its_secrets() -> None:
    answer = Response(400, b"<p>https://a.test/c/b.csv?sig=aB%2Bc&sp=r</p>")

    with pytest.raises(UnexpectedAnswer, match=r"b\.csv\?sig=\*\*\*&sp=r"):
        rehearse(ask(GET), [answer])
    with pytest.raises(WireError, match=r"sig=\*\*\*"):
        answer.json()


def test_a_body_that_is_no_json_is_an_error_that_shows_its_beginning() -> None:
    with pytest.raises(WireError, match="expected JSON, got '<html>"):
        Response(200, b"<html>" + b"x" * 10_000).json()


@pytest.mark.parametrize(("code", "detail"), [("TheModel", "x"), ("InternalError", "TheModel")])
def test_a_5xx_that_blames_what_was_sent_is_believed_after_a_moment(code: str, detail: str) -> None:
    steps: list[str] = []
    blaming = refused(500, code, "no", **{detail: "It is no model."})

    with pytest.raises(UnexpectedAnswer, match="It is no model"):
        rehearse(ask(POST, blaming=frozenset({"TheModel"})), [blaming] * 99, steps)

    assert sum(float(step[6:]) for step in steps if step.startswith("pause")) == DOUBT


def test_an_outage_is_waited_out_where_what_was_sent_could_be_blamed() -> None:
    steps: list[str] = []
    away, blaming = refused(500, "InternalError", "no"), refused(500, "TheModel", "no")

    rehearse(ask(POST, blaming=frozenset({"TheModel"})), [blaming, *[away] * 12, answered()], steps)

    assert sum(float(step[6:]) for step in steps if step.startswith("pause")) > DOUBT


def test_patience_can_be_set_for_reads_and_writes() -> None:
    with pytest.raises(ServiceUnavailable):
        rehearse(ask(GET, patience=0.0), [AWAY])

    assert rehearse(ask(POST, patience=inf), [*[AWAY] * 100, answered()]).status == 200
