"""
A policy in plain English, for whoever has to sign it.

Law: every rule that can change a verdict is a sentence here, also those the user did not write;
what is switched off is not mentioned.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from airflow_aml_retrain.gate.demands import demands, percent
from airflow_aml_retrain.gate.metrics import Task
from airflow_aml_retrain.gate.policy import Policy
from airflow_aml_retrain.gate.rules.check import VETO_ALPHA, Mode, Severity
from airflow_aml_retrain.gate.rules.durations import in_words
from airflow_aml_retrain.gate.rules.sections import OperatingPoint, Preconditions, Spending

_DOUBT: Final = {
    "keep_champion": "the champion stays, and it is said how many rows would settle it",
    "ask": "a person is asked",
}
_NO_CHAMPION: Final = {
    "absolute_only": (
        "Without a champion only those rules count that need none, and if none of them proves "
        "anything nothing is promoted."
    ),
    "refuse": "Without a champion nothing is promoted.",
}
_SPENDING: Final = {
    Spending.FIRST: "nine tenths of that chance go to the first use",
    Spending.ONCE: "all of that chance goes to the only use",
    Spending.BONFERRONI: "that chance is shared out evenly",
    Spending.CHAIN: "that chance is shared out so that the champion may be an earlier winner",
    Spending.ADAPTIVE: "that chance is shared out so that people may learn from each verdict",
}
_MATCH: Final = {
    "alert_rate": "; the challenger, from its own score on at which it alerts as often",
    "fpr": "; the challenger, from its own score on at which its false-positive rate is the same",
    None: "",
}


def explain(policy: Policy) -> str:
    """What *policy* asks for and what becomes of each answer, one rule a line."""
    kinds = " or ".join(sorted(policy.asked_task))
    parts = {
        f"Gate {policy.gate!r}, for {kinds} models. The challenger is promoted only if all of "
        "this holds, on the same rows:": demands(policy, Severity.FAIL),
        "This is only warned of, where it does not hold:": _warnings(policy),
        "Nothing is judged (INVALID) unless this holds of the data:": _preconditions(policy),
        "What follows:": _consequences(policy),
    }
    return "\n\n".join(filter(None, (_part(*part) for part in parts.items())))


def _part(title: str, sentences: Iterable[str]) -> str:
    points = [f"* {each}" for each in sentences]
    return "\n".join([title, *points]) if points else ""


def _warnings(policy: Policy) -> Iterator[str]:
    yield from demands(policy, Severity.WARN)
    psi = policy.preconditions.max_score_psi
    if psi is not None:
        yield f"The stability index (PSI) of the two models' scores is at most {psi:g}."


def _preconditions(policy: Policy) -> Iterator[str]:
    asked = policy.preconditions
    yield f"There are at least {asked.min_rows:,} rows{_rarest(policy)}."
    if asked.min_discordant:
        yield f"The two models' answers differ in at least {asked.min_discordant:,} rows."
    yield _gaps(asked)
    if asked.score_range is not None and policy.asked_task != {Task.REGRESSION}:
        yield "Every probability lies in [{:g}, {:g}].".format(*asked.score_range)
    if asked.label_values is not None:
        yield f"Every label is one of {', '.join(asked.label_values)}."
    if asked.label_rate is not None:
        usual, ratio = percent(asked.label_rate.reference), asked.label_rate.max_ratio
        yield f"Positives are {usual} of the rows, give or take a factor of {ratio:g}."
    yield from _times(policy)
    if asked.max_train_overlap is not None:
        yield f"At most {percent(asked.max_train_overlap)} of the rows were trained on."
    if policy.slices and policy.slices.must_exist:
        yield f"There are rows with {', '.join(policy.slices.must_exist)}."


def _rarest(policy: Policy) -> str:
    if policy.asked_task == {Task.REGRESSION}:
        return ""
    return f", and {policy.preconditions.min_positives:,} of the rarest label"


def _gaps(asked: Preconditions) -> str:
    lacking = f"At most {percent(asked.max_null_fraction)} of the rows lack a label or a score"
    twice = f"at most {asked.max_duplicate_ids:,} ids come twice"
    scored = f"at least {percent(asked.min_matched_fraction)} of the rows were scored by all models"
    return (
        ", ".join(
            (
                lacking if asked.max_null_fraction else "No row lacks a label or a score",
                twice if asked.max_duplicate_ids else "no id comes twice",
                scored if asked.min_matched_fraction < 1 else "all models scored the same rows",
            )
        )
        + "."
    )


def _times(policy: Policy) -> Iterator[str]:
    asked = policy.preconditions
    if asked.label_maturity is not None:
        age = in_words(asked.label_maturity)
        yield f"The newest row is at least {age} old, so that its label is final."
    if asked.max_staleness is not None:
        yield f"The newest row is at most {in_words(asked.max_staleness)} old."
    if policy.data.time is not None and asked.holdout_after_training is not False:
        known = "" if asked.holdout_after_training else ", as far as it is known when that ended"
        yield f"Every row is from after both models' training{known}."


def _consequences(policy: Policy) -> Iterator[str]:
    rules = policy.decision
    yield "A demand that is seen to be broken: REJECT, the champion stays."
    yield f"None broken, but one not proven yet: INCONCLUSIVE, {_DOUBT[rules.on_inconclusive]}."
    yield _proven(policy)
    yield from _come_to_light(policy)
    if Task.BINARY in policy.asked_task:
        yield _point(rules.operating_point, policy.data.positive)
    yield _NO_CHAMPION[rules.on_no_champion]
    if rules.approval == "always":
        yield "A person must approve every promotion."


def _proven(policy: Policy) -> str:
    reuse, overlap = policy.holdout.reuse, percent(policy.holdout.max_overlap)
    known = f"hold-outs that share more than {overlap} of their rows count as one"
    if policy.data.id is None:
        known = "without data.id only the very same rows in the same order are known again"
    once = reuse.spending is Spending.ONCE or reuse.max_uses == 1
    uses = "once" if once else f"{reuse.max_uses:,} times, and {_SPENDING[reuse.spending]}"
    return (
        "Proven means that a model which breaks the demand would pass with a chance of at most "
        f"{percent(policy.decision.alpha)}. One hold-out may decide {uses}; {known}."
    )


def _come_to_light(policy: Policy) -> Iterator[str]:
    families = {}
    if any(check.mode is Mode.VETO for check in policy.checks):
        families["checks"] = VETO_ALPHA
    if policy.slices and policy.slices.mode is Mode.VETO:
        families["slices"] = policy.slices.family_alpha
    if families:
        chances = (f"{percent(alpha)} for all on {what}" for what, alpha in families.items())
        yield (
            "Come to light means beyond chance: that vetoes object to a model that does no harm "
            f"has a chance of at most {', '.join(chances)}."
        )


def _point(point: OperatingPoint, positive: str | None) -> str:
    label = f"label {positive!r}" if positive else "the label that sorts second"
    return (
        f"With two labels, a row is called positive ({label}) from a score of "
        f"{point.threshold:g} on{_MATCH[point.match]}."
    )
