"""
`python -m airflow_aml_retrain.emulator`: the emulator as a process.

Ctrl-C or SIGTERM ends it; a restart on the same state folder and storage goes on where it was.
"""

import argparse
import contextlib
import dataclasses
import logging
import typing
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from airflow_aml_retrain.emulator.refusals import Answer
from airflow_aml_retrain.emulator.serving import furnish, listen, server
from airflow_aml_retrain.emulator.settings import EmulatorSettings, Gaps
from airflow_aml_retrain.emulator.tls import Certificate


def main(arguments: Sequence[str] | None = None) -> None:
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(message)s")
    logging.getLogger("airflow_aml_retrain").setLevel(logging.INFO)
    certificate = Certificate.kept_in(options.state / "tls", options.host) if options.tls else None
    with listen(options.host, options.port) as listening:
        host, port = listening.getsockname()[:2]
        scheme = "https" if options.tls else "http"
        print(f"The emulator is at {scheme}://{host}:{port}/", flush=True)  # noqa: T201 - a command line program speaks
        if certificate is not None:
            print(f"Its authority is in {certificate.authority}", flush=True)  # noqa: T201 - the same
        with contextlib.suppress(KeyboardInterrupt):
            server(furnish(_settings(options)), certificate).run(sockets=[listening])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m airflow_aml_retrain.emulator",
        description="Azure ML Studio (classic) on your own machine: batch and request-response "
        "services and their management, over blob storage, with models that are really trained.",
        epilog="A page at / says what runs. Publish services and make trouble through /_emulator/. "
        "Where the real service's behaviour is not known it is a gap, set by --gap NAME=VALUE: "
        + ", ".join(sorted(_gap_types()))
        + ". A gap that is an error takes CODE or CODE/DETAIL of the documented ones.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--storage", required=True, help="blob storage connection string (Azurite's)")
    add("--state", required=True, type=Path, help="folder that holds everything else")
    add("--host", default="127.0.0.1", help="address to listen on")
    add("--port", default=0, type=int, help="port to listen on; 0: a free one")
    add("--public-url", help="how clients reach it, if not as they say in Host")
    add("--propagation", default=2.0, type=float, help="seconds from PATCH to serving")
    add("--workers", default=2, type=int, help="processes that train and score")
    add("--jobs-at-a-time", default=40, type=int, help="running jobs per endpoint")
    add("--job-time", default=0.0, type=float, help="seconds that a job takes at least")
    add("--polls-until-done", default=0, type=int, help="polls that still see a done job running")
    add("--interrupted-jobs", default="rerun", choices=["rerun", "fail"], help="after a restart")
    add("--token-lifetime", default=3600.0, type=float, help="seconds an access token is good for")
    add("--operation-time", default=1.0, type=float, help="seconds to change a new web service")
    add("--page-size", default=1000, type=int, help="web services that a list answers at once")
    add("--tls", action="store_true", help="serve https with an authority of its own")
    add("--gap", action="append", default=[], metavar="NAME=VALUE", type=_gap, help="see below")
    return parser


def _settings(options: argparse.Namespace) -> EmulatorSettings:
    names = {field.name for field in dataclasses.fields(EmulatorSettings)} - {"gaps"}
    values = {name: getattr(options, name) for name in names}
    return EmulatorSettings(**values, gaps=Gaps(**dict(options.gap)))


def _gap_types() -> dict[str, Any]:
    return typing.get_type_hints(Gaps)


def _gap(text: str) -> tuple[str, object]:
    name, _, value = text.partition("=")
    kind = _gap_types().get(name)
    if kind is None:
        msg = f"there is no gap {name!r}; the gaps are: {', '.join(sorted(_gap_types()))}"
        raise argparse.ArgumentTypeError(msg)
    if kind is Answer:
        code, _, detail = value.partition("/")
        return name, Answer(code, detail)
    try:
        return name, TypeAdapter(kind).validate_strings(value)
    except ValidationError as exc:
        msg = f"{name} cannot be {value!r}: {exc.errors()[0]['msg']}"
        raise argparse.ArgumentTypeError(msg) from exc


if __name__ == "__main__":
    main()
