"""
How verdicts and outcomes look: each has a sign and a word, and a colour beside them.

Law: the colour may be lost (a printer, an eye, a projector) and nothing is lost with it.
"""

from typing import Final

from airflow_aml_retrain.gate.report.markup import Html, element
from airflow_aml_retrain.gate.verdict import Outcome, Verdict

SIGNS: Final = {
    Outcome.PASSED: "\u2713",
    Outcome.FAILED: "\u2715",
    Outcome.INCONCLUSIVE: "?",
    Outcome.NOT_MADE: "\u2013",
}
_LOOKS: Final = {
    Verdict.PROMOTE: Outcome.PASSED,
    Verdict.REJECT: Outcome.FAILED,
    Verdict.INCONCLUSIVE: Outcome.INCONCLUSIVE,
    Verdict.INVALID: Outcome.NOT_MADE,
}


def outcome_of(word: str) -> Outcome:
    """*word* as an outcome; one that we do not know was not made."""
    return Outcome(word) if word in set(Outcome) else Outcome.NOT_MADE


def look_of(verdict: str) -> Outcome:
    """Which outcome a verdict looks like."""
    return _LOOKS[Verdict(verdict)] if verdict in set(Verdict) else Outcome.NOT_MADE


def look(outcome: Outcome) -> str:
    """The name that the style sheet has for *outcome*."""
    return outcome.value.replace(" ", "-")


def badge(outcome: Outcome, word: str = "") -> Html:
    """Sign and word."""
    sign = element("span", SIGNS[outcome], class_="sign", aria_hidden="true")
    return element("span", sign, word or outcome.value, class_=f"badge {look(outcome)}")
