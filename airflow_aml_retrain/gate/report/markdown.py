"""
A decision in a few lines of markdown, for the approval, a chat and a pull request.

Law: what comes from data, policy and models is text and never markup: it cannot end a table's
cell, link anywhere, or call for a person's attention.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from airflow_aml_retrain.gate.report.asked import said, seen
from airflow_aml_retrain.gate.report.banner import headline, meaning, what_to_do, who_decided
from airflow_aml_retrain.gate.report.numerals import count, span
from airflow_aml_retrain.gate.report.outcomes import SIGNS, look_of, outcome_of
from airflow_aml_retrain.gate.report.part import Part
from airflow_aml_retrain.gate.verdict import Outcome

CHECKS_SHOWN: Final = 20
# Also what Airflow would take for a template of its own.
_SPECIAL: Final = re.compile(r"([\\`*_\[\]<>#|~!&$@{}]|(?<=\{)%|(?<=\w):(?=//)|(?<=www)\.)")


def markdown(body: Mapping[str, object]) -> str:
    """Verdict, the sentence that decided, what is left to do, and the checks as a table."""
    record = Part(body)
    return "\n\n".join(_paragraphs(record)) + "\n"


def escaped(text: str) -> str:
    """*text* as it would be read, on one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def _paragraphs(record: Part) -> Iterator[str]:
    verdict = record.text("verdict")
    yield f"**{SIGNS[look_of(verdict)]} {escaped(verdict)}** {escaped(meaning(record))}"
    override = record.part("override")
    if override:
        why = escaped(override.text("why"))
        yield f"{escaped(who_decided(override))}: {why}"
    yield escaped(headline(record))
    broken = [each for each in record.parts("preconditions") if not each.flag("passed")]
    if broken:
        yield "\n".join(f"* {escaped(each.text('reason'))}" for each in broken[:CHECKS_SHOWN])
    checks = record.parts("checks")
    if checks:
        yield "\n".join(_table(checks))
    failed = _failed_slices(record)
    if failed:
        yield failed
    if what_to_do(record):
        yield escaped(what_to_do(record))


def _table(checks: tuple[Part, ...]) -> Iterator[str]:
    yield "| | check | seen | interval |"
    yield "|---|---|---:|---|"
    for check in checks[:CHECKS_SHOWN]:
        outcome = outcome_of(check.text("outcome"))
        low, high = check.number("low"), check.number("high")
        doubt = None if low is None or high is None else high - low
        interval = span(low, high, sign=bool(check.text("vs")))
        yield (
            f"| {SIGNS[outcome]} {outcome.value} | {escaped(check.text('name', 120))} | "
            f"{said(check, seen(check), doubt)} | {interval} |"
        )
    more = len(checks) - CHECKS_SHOWN
    if more > 0:
        yield f"| | {more} more in the record | | |"


def _failed_slices(record: Part) -> str:
    failed = [
        each
        for each in record.parts("slices")
        if outcome_of(each.text("outcome")) is Outcome.FAILED
    ]
    if not failed:
        return ""
    first = "\n".join(f"* {escaped(each.text('reason'))}" for each in failed[:5])
    return f"Harm is shown in {count(len(failed))} slices:\n\n{first}"
