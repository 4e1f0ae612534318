"""A decision as lines of text, for a terminal or a log."""

from collections.abc import Iterator, Mapping
from typing import Any


def lines(body: Mapping[str, Any]) -> Iterator[str]:
    """The *body* of a decision record: its headline, its metrics, its checks, what to do."""
    yield str(body["headline"])
    if body["estimates"]:
        yield ""
        yield f"{'metric':<20}{'champion':>12}{'challenger':>12}{'difference':>12}  interval"
        for estimate in body["estimates"]:
            yield _row(estimate)
    failed = [each for each in body["preconditions"] if not each["passed"]]
    for title, results in (("preconditions", failed), ("checks", body["checks"])):
        if results:
            yield ""
            yield title
            yield from (_result(each) for each in results)
    blamed = [each for each in body["slices"] if each["outcome"] in {"failed", "inconclusive"}]
    if blamed:
        yield ""
        yield "slices"
        yield from (f"  {each['outcome']:<13} {each['reason']}" for each in blamed)
    yield ""
    yield str(body["next_step"])


def _row(estimate: Mapping[str, Any]) -> str:
    numbers = (estimate["champion"], estimate["challenger"], estimate["difference"])
    cells = "".join(f"{_number(number):>12}" for number in numbers)
    bounds = ", ".join(_number(estimate[end]) for end in ("low", "high"))
    return f"{estimate['metric']:<20}{cells}  [{bounds}]"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.5g}"


def _result(each: Mapping[str, Any]) -> str:
    outcome = each.get("outcome") or ("passed" if each["passed"] else "failed")
    warns = " (warns)" if each["severity"] == "warn" else ""
    return f"  {outcome:<13} {each['name']}{warns}: {each['reason']}"
