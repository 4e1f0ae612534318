"""The one English sentence of every check: what was seen, how sure it is, what was asked."""

from math import floor, log10
from typing import TYPE_CHECKING

from airflow_aml_retrain.gate.rules.check import ALL, Check
from airflow_aml_retrain.gate.verdict import Outcome

if TYPE_CHECKING:
    from airflow_aml_retrain.gate.judging.results import CheckResult

_NEARLY = 1e-12


def prove_sentence(check: Check, result: "CheckResult") -> str:
    sure = f"with {confidence(result.alpha or 0.0)} % confidence"
    seen = _seen(check, result)
    match result.outcome:
        case Outcome.PASSED:
            return f"{seen}; {sure} it is {_worst(check, result)}, and {_asked(check)}."
        case Outcome.FAILED:
            return f"{seen}; {sure} it is {_best(check, result)}, and {_asked(check)}."
        case _:
            return (
                f"{seen}; {_asked(check)}, and {sure} it could be anything from "
                f"{_best(check, result, bare=True)} to {_worst(check, result, bare=True)}. "
                f"{bill(result.rows_needed, result.rows)}"
            )


def veto_sentence(check: Check, result: "CheckResult") -> str:
    beyond = f"worse than {figure(check.bound)}" if check.vs is None else _beyond(check.margin)
    chance = result.p_holm if result.p_holm is not None else result.p_value
    odds = f"p = {chance:.2g}{' after Holm' if result.p_holm is not None else ''}"
    if result.outcome is Outcome.FAILED:
        return f"{_seen(check, result)}; that it is {beyond} is beyond chance ({odds})."
    return (
        f"{_seen(check, result)}; that it is {beyond} is not shown ({odds}). A harm of "
        f"{figure(result.min_detectable, 3)} would most likely have been shown."
    )


def point_sentence(check: Check, result: "CheckResult") -> str:
    missed = "" if result.outcome is Outcome.PASSED else ", and it is not"
    return f"{_seen(check, result)}; {_asked(check)}{missed} (bare numbers, no confidence)."


def confidence(alpha: float) -> str:
    """1 - *alpha* in percent, with as many digits as tell it from 100."""
    digits = max(4, 2 - floor(log10(alpha))) if alpha > 0 else 4
    return f"{100 * (1 - alpha):.{digits}g}"


def figure(value: float | None, digits: int = 4) -> str:
    """*value* as a person reads it: so many *digits*, and never "2.5e+04" for 25,000."""
    if value is None:
        return "unknown"
    if 10**digits <= abs(value) < 1e15:
        return f"{value:,.0f}"
    return f"{value:.{digits}g}"


def not_made(check: Check, why: str) -> str:
    return f"The check {check.name!r} was not made: {why}."


def worse_or_better(loss: float) -> str:
    """*loss* (how much worse) in words."""
    if abs(loss) < _NEARLY:
        return "the same"
    return f"{figure(abs(loss), 3)} {'worse' if loss > 0 else 'better'}"


def bill(needed: int | None, rows: int | None, *, what: str = "difference") -> str:
    """How many rows beside these *rows* would settle it; *needed* None where none would."""
    if needed is None or rows is None:
        return f"No number of rows will settle a {what} that is exactly the limit."
    more = max(needed - rows, 1)
    return f"About {more:,} more rows would settle it, were the {what} as it looks."


def _seen(check: Check, result: "CheckResult") -> str:
    start = f"{_where(check)} challenger's {result.title} is {figure(result.challenger)}"
    if check.vs is None or result.reference is None or result.challenger is None:
        return start
    loss = check.subject.loss(result.reference, result.challenger)
    than = "as" if abs(loss) < _NEARLY else "than"
    return f"{start}, {worse_or_better(loss)} {than} the {check.vs}'s {figure(result.reference)}"


def _where(check: Check) -> str:
    return "The" if check.scope == ALL else f"In {check.scope} the"


def _ends(result: "CheckResult") -> tuple[float, float]:
    """Best and worst value of the estimate within its interval."""
    low, high = result.low or 0.0, result.high or 0.0
    return (high, low) if result.higher_is_better else (low, high)


def _best(check: Check, result: "CheckResult", *, bare: bool = False) -> str:
    best = _ends(result)[0]
    if check.vs is None:
        word = "at most" if result.higher_is_better else "at least"
        return f"{figure(best)}" if bare else f"{word} {figure(best)}"
    loss = -best if result.higher_is_better else best
    return worse_or_better(loss) if bare else f"at least {worse_or_better(loss)}"


def _worst(check: Check, result: "CheckResult", *, bare: bool = False) -> str:
    worst = _ends(result)[1]
    if check.vs is None:
        word = "at least" if result.higher_is_better else "at most"
        return f"{figure(worst)}" if bare else f"{word} {figure(worst)}"
    loss = -worst if result.higher_is_better else worst
    if bare:
        return worse_or_better(loss)
    if abs(loss) < _NEARLY:
        return "no worse"
    return f"{'at most' if loss > 0 else 'at least'} {worse_or_better(loss)}"


def _asked(check: Check) -> str:
    if check.vs is None:
        word = "at least" if check.at_least is not None else "at most"
        return f"{word} {figure(check.bound)} is required"
    if check.margin < 0:
        return f"at least {figure(-check.margin)} better is required"
    if check.margin == 0:
        return "no worse is required"
    return f"at most {figure(check.margin)} worse is allowed"


def _beyond(margin: float) -> str:
    if margin < 0:
        return f"less than {figure(-margin)} better"
    return f"more than {figure(margin)} worse" if margin else "worse"
