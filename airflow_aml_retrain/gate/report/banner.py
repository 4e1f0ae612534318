"""
The banner: what was decided, the one sentence it rests on, and what to do next.

Law: whoever reads nothing else has read whether the champion stays.
"""

from collections.abc import Iterator
from typing import Final

from airflow_aml_retrain.gate.report.layout import pairs
from airflow_aml_retrain.gate.report.markup import Html, element
from airflow_aml_retrain.gate.report.numerals import count, share, short
from airflow_aml_retrain.gate.report.outcomes import look, look_of
from airflow_aml_retrain.gate.report.part import Part
from airflow_aml_retrain.gate.report.plot import picture
from airflow_aml_retrain.gate.rows import CHALLENGER, CHAMPION
from airflow_aml_retrain.gate.verdict import Outcome, Verdict

_MEANING: Final = {
    Verdict.PROMOTE: "The challenger may replace the champion.",
    Verdict.REJECT: "The champion stays.",
    Verdict.INCONCLUSIVE: "The champion stays: these rows cannot tell.",
    Verdict.INVALID: "The champion stays: nothing could be judged.",
}
_SIGNS: Final = {
    Outcome.PASSED: "M15 25l7 7 12-14",
    Outcome.FAILED: "M16 16l16 16M32 16l-16 16",
    Outcome.INCONCLUSIVE: "M18.500 20a6 6 0 1 1 8.500 5q-3 1.500-3 4.500M24 34.500v.500",
    Outcome.NOT_MADE: "M24 14v13M24 33.500v.500",
}


def banner(record: Part, envelope: Part) -> Html:
    verdict = record.text("verdict")
    look_ = look_of(verdict)
    title = element("h1", _sign(look_, verdict), verdict)
    sentence = headline(record)
    told = (
        element("div", title, element("p", meaning(record), class_="meaning"), class_="verdict"),
        _override(record),
        *_paragraph(sentence, "headline"),
        *_more_reasons(record, sentence),
        *_paragraph(what_to_do(record), "next"),
        *_paragraph(guarantee(record), "guarantee"),
    )
    above = element("p", *_where(record, envelope), class_="where")
    known = pairs(_facts(record, envelope))
    facts = element("div", known, class_="facts") if known else Html()
    return element("header", above, *told, facts, class_=f"banner {look(look_)}")


def meaning(record: Part) -> str:
    """What becomes of the champion, in one sentence."""
    if _is_overruled(record):
        return "A person decided: the challenger may replace the champion."
    return _next_step(record)[0]


def what_to_do(record: Part) -> str:
    """What else a person is advised to do; nothing where a person has decided otherwise."""
    return "" if _is_overruled(record) else _next_step(record)[1]


def guarantee(record: Part) -> str:
    """What the gate answers for; nothing where a person decided against it."""
    return "" if _is_overruled(record) else record.text("guarantee", 900)


def who_decided(override: Part) -> str:
    """Who approved what the gate said, or decided otherwise."""
    deeds = {"": "Decided", Verdict.PROMOTE: "Approved"}
    return f"{deeds.get(override.text('verdict'), 'Overridden')} by {override.text('by', 120)}"


def _is_overruled(record: Part) -> bool:
    """Whether a person decided, and not what the gate did as far as the record says."""
    override = record.part("override")
    return bool(override) and override.text("verdict") != Verdict.PROMOTE


def _next_step(record: Part) -> tuple[str, str]:
    """The first sentence, and the others."""
    verdict = record.text("verdict")
    fallback = _MEANING[Verdict(verdict)] if verdict in set(Verdict) else ""
    first, stop, others = (record.text("next_step", 900) or fallback).partition(". ")
    return first + stop.strip(), others


def headline(record: Part) -> str:
    """The deciding sentence, without the verdict that stands above it anyway."""
    return record.text("headline", 900).removeprefix(f"{record.text('verdict')}: ")


def _sign(look_: Outcome, verdict: str) -> Html:
    disc = element("circle", cx=24, cy=24, r=22)
    sign = element("path", d=_SIGNS[look_])
    return picture(f"Verdict: {verdict}", disc, sign, width=48, height=48, class_="sign")


def _where(record: Part, envelope: Part) -> Iterator[str]:
    yield "Promotion gate "
    yield element("strong", record.text("gate"))
    for key in ("dag_id", "run_id"):
        if envelope.text(key):
            yield f" \u00b7 {envelope.text(key)}"


def _override(record: Part) -> Html:
    override = record.part("override")
    if not override:
        return Html()
    said = element("strong", f"{who_decided(override)}.")
    why = element("q", override.text("why", 900))
    verdict = override.text("verdict") or "what is written"
    of = element("span", f"The gate said {verdict} in {override.text('of')}.")
    return element("p", said, " ", why, " ", of, class_="override")


def _more_reasons(record: Part, sentence: str) -> Iterator[Html]:
    """Whatever else keeps the challenger out; what speaks for it stands among the checks."""
    if record.text("verdict") == Verdict.PROMOTE:
        return
    more = [reason for reason in record.texts("reasons", 600) if reason not in sentence][:8]
    if more:
        yield element("ul", *(element("li", reason) for reason in more), class_="reasons")


def _paragraph(text: str, class_: str) -> Iterator[Html]:
    if text:
        yield element("p", text, class_=class_)


def _facts(record: Part, envelope: Part) -> Iterator[tuple[str, str]]:
    yield "Decided", moment(envelope.text("decided_at"))
    models = record.part("models")
    for model in (CHAMPION, CHALLENGER):
        place = models.part(model)
        # The end of it tells models apart; the whole of it stands at the end of the page.
        whole = place.text("location") or place.text("endpoint")
        yield model.capitalize(), whole.rstrip("/").rpartition("/")[2]
    data, budget = record.part("data"), record.part("holdout_budget")
    yield "Hold-out", _holdout(data)
    if budget:
        yield "Use", f"{budget.count('use_number')} of {budget.count('max_uses')}"
        yield "May err with probability", short(budget.number("alpha_this") or 0.0)


def _holdout(data: Part) -> str:
    rows, positives = data.number("rows"), data.number("positives")
    if rows is None:
        return ""
    if positives is None or not rows:
        return f"{count(rows)} rows"
    return f"{count(rows)} rows, {share(positives / rows)} positive"


def moment(iso: str) -> str:
    """An ISO 8601 moment without its fraction of a second."""
    day, _, time = iso.partition("T")
    zone = " UTC" if iso.endswith(("Z", "+00:00")) else iso[26:] if "." in iso else iso[19:]
    return f"{day} {time[:5]}{zone}" if time else iso
