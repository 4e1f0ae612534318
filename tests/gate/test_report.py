"""The page of a decision: complete, readable by anybody, harmless, and always the same."""

import json
import re
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any, Final
from xml.etree import ElementTree as ET

import pytest

from airflow_aml_retrain.gate.report.markdown import markdown
from airflow_aml_retrain.gate.report.outcomes import SIGNS
from airflow_aml_retrain.gate.report.page import render
from airflow_aml_retrain.gate.verdict import Outcome
from tests.gate.bodies import (
    BODIES,
    HOSTILE,
    decided_long_ago,
    envelope,
    many_slices,
    promoted,
    undecided,
)
from tests.gate.simulated import Body

KILOBYTES: Final = 1000
ORDER: Final = [
    *("preconditions", "checks", "flips", "slices", "curves", "classes", "regression"),
    *("calibration", "scores", "history", "budget", "numbers", "data", "provenance"),
]
EVERY_BODY: Final = pytest.mark.parametrize("name", BODIES)


@cache
def page(name: str) -> str:
    return render(BODIES[name](), envelope())


@cache
def tree(name: str) -> ET.Element:
    return parsed(page(name))


def parsed(text: str) -> ET.Element:
    # A parser that knows no HTML: what it takes has no tag left open and nothing unescaped.
    return ET.fromstring(text.removeprefix("<!doctype html>\n"))  # noqa: S314 - our own page


def words(part: ET.Element) -> str:
    """What a person reads, and not what SVGs are called."""
    if part.tag in {"svg", "style"}:
        return ""
    return (part.text or "") + "".join(words(each) + (each.tail or "") for each in part)


def section(page_: ET.Element, id_: str) -> ET.Element:
    found = page_.find(f".//section[@id='{id_}']")
    assert found is not None
    return found


def with_class(part: ET.Element, name: str) -> list[ET.Element]:
    return [each for each in part.iter() if name in each.get("class", "").split()]


def percent(part: ET.Element, key: str) -> float:
    return float(part.get(key, "").removesuffix("%"))


class Tags(HTMLParser):
    """The elements as an HTML parser sees them, each closed by its own end."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        self.seen.append((tag, dict(attrs)))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@EVERY_BODY
def test_every_page_is_well_formed(name: str) -> None:
    tags = Tags()
    tags.feed(page(name))
    tags.close()

    assert tags.open == []
    assert tags.seen[0][0] == "html"
    assert len(tags.seen) == len(list(tree(name).iter()))


@EVERY_BODY
def test_nothing_in_a_page_runs_and_nothing_is_fetched(name: str) -> None:
    active = {"script", "link", "img", "image", "iframe", "object", "embed", "form", "a", "use"}
    fetching = {"src", "href", "style", "data", "background", "action"}

    policies = tree(name).findall(".//meta[@http-equiv='Content-Security-Policy']")
    assert [each.get("content") for each in policies] == [
        "default-src 'none'; style-src 'unsafe-inline'"
    ]
    for part in tree(name).iter():
        assert part.tag not in active
        assert not fetching & part.attrib.keys()
        assert not [key for key in part.attrib if key.startswith("on")]
    style = tree(name).findtext(".//style", "")
    assert not re.search(r"url\(|@import|expression|http", style)


@EVERY_BODY
def test_every_picture_says_what_it_shows(name: str) -> None:
    pictures = list(tree(name).iter("svg"))

    assert pictures
    for picture in pictures:
        assert picture.get("role") == "img"
        assert picture[0].tag == "title"
        assert (picture[0].text or "").strip()


@EVERY_BODY
def test_a_page_holds_at_most_150_kilobytes(name: str) -> None:
    assert len(page(name).encode()) <= 150 * KILOBYTES


def overgrown() -> tuple[Body, Body]:
    """A record that has everything at once, and more of it than anybody should."""
    whole = promoted()
    long = "a very long sentence with <tags> & 'quotes' in it, " * 20
    everything: Body = {}
    for name in ("twenty classes", "promoted"):
        everything |= BODIES[name]()["curves"]
    everything |= {
        kind: everything[kind] | {"anchor": everything[kind]["champion"]} for kind in ("roc", "pr")
    }
    check = whole["checks"][0] | {"name": "n" * 300, "reason": long}
    around = envelope()
    around["history"] = [each | {"headline": long} for each in around["history"] * 9]
    return whole | {
        "curves": everything,
        "checks": [check] * 150,
        "slices": many_slices(200)["slices"],
        "reasons": [long] * 90,
        "preconditions": whole["preconditions"] * 40,
        "policy": {f"key {number}": long for number in range(400)},
        "telling_rows": list(range(10_000)),
        "headline": long,
    }, around


def test_not_even_a_record_that_has_too_much_of_everything_makes_a_larger_page() -> None:
    whole, around = overgrown()

    text = render(whole, around)

    assert len(text.encode()) <= 150 * KILOBYTES
    drawn = parsed(text)
    ids = [each.get("id") for each in drawn.iter("section")]
    assert ids == [each for each in ORDER if each != "regression"]
    assert "more checks stand in the decision record" in words(section(drawn, "checks"))


def test_of_200_slices_the_worst_are_shown_and_the_others_counted() -> None:
    slices = section(tree("many slices"), "slices")

    said = words(slices)
    assert "200 slices; harm is shown in 3, and 40 are too small to tell (hatched)." in said
    assert said.count("180 more slices, none of them worse, stand in the decision record") == 2
    assert said.count("; 40 of them are too small to tell.") == 2
    badges = [words(each)[1:] for each in with_class(slices, "badge")]
    assert badges == 2 * (["failed"] * 3 + ["passed"] * 17)


def test_slices_in_which_harm_is_shown_come_before_all_others() -> None:
    passed, failed = promoted()["slices"][:2]
    ordered = [passed | {"p_value": 0.01}, failed | {"p_value": 0.2, "outcome": "failed"}]

    drawn = section(parsed(render(promoted() | {"slices": ordered})), "slices")

    assert [words(each)[1:] for each in with_class(drawn, "badge")] == ["failed", "passed"]


def test_a_slice_that_is_too_small_is_hatched_and_says_so() -> None:
    rows = section(tree("promoted"), "slices").findall(".//tbody/tr")

    blind = [row for row in rows if with_class(row, "blind")]
    assert [words(row)[1:10] for row in blind] == ["too small"]
    assert blind == rows[-1:]


def test_sections_come_in_the_order_in_which_a_person_needs_them() -> None:
    def sections(name: str) -> list[str]:
        return [each.get("id", "") for each in tree(name).iter("section")]

    other = {"classes", "regression"}
    assert sections("promoted") == [each for each in ORDER if each not in other]
    for name in BODIES:
        assert sections(name) == [each for each in ORDER if each in sections(name)]
    assert {"classes", "flips"} <= set(sections("multiclass"))
    assert "regression" in sections("regression")
    assert tree("promoted")[1][0].tag == "header"
    assert sections("unreadable") == ["history", "provenance"]


@EVERY_BODY
def test_every_verdict_and_outcome_is_a_word_and_a_sign_and_not_only_a_colour(name: str) -> None:
    body, drawn = BODIES[name](), tree(name)

    assert words(drawn.find(".//h1")) == body["verdict"]  # type: ignore[arg-type] # it is there
    rows = drawn.findall(".//section[@id='checks']//tbody/tr")
    assert len(rows) == len(body["checks"])
    for row, check in zip(rows, body["checks"], strict=True):
        assert words(row[0]) == f"{SIGNS[check['outcome']]}{check['outcome']}"
    assert len(set(SIGNS.values())) == len(Outcome)


def strips() -> Iterator[tuple[Body, ET.Element]]:
    """Each check that must be shown, beside its picture."""
    for name in ("promoted", "rejected", "undecided", "regression", "first model"):
        rows = section(tree(name), "checks").findall(".//tbody/tr")
        for row, check in zip(rows, BODIES[name]()["checks"], strict=True):
            picture = row.find(".//svg")
            if picture is not None and check["mode"] == "prove":
                yield check, picture


def test_a_bar_lies_beyond_its_limit_or_short_of_it_or_across_as_the_outcome_says() -> None:
    seen = set()
    for check, picture in strips():
        (limit,) = (percent(each, "x1") for each in with_class(picture, "limit"))
        bar = picture.find("./g/line")
        assert bar is not None
        low, high = percent(bar, "x1"), percent(bar, "x2")

        (accepted,) = with_class(picture, "accepted")
        assert limit == percent(accepted, "x") == percent(accepted, "width") == 50
        assert 0 <= low < high <= 100
        expected = {"passed": low >= limit, "failed": high <= limit}
        assert expected.get(check["outcome"], low < limit < high)
        seen.add((check["outcome"], check["bound_kind"], check["higher_is_better"]))
    assert seen >= {
        ("passed", None, True),
        ("passed", None, False),
        ("passed", "at_least", True),
        ("passed", "at_most", False),
        ("failed", None, False),
        ("inconclusive", None, False),
    }


def test_a_band_has_two_limits_with_what_is_accepted_between() -> None:
    row = section(tree("promoted"), "checks").findall(".//tbody/tr")[4]

    assert "calibration slope in [0.9, 1.1]" in words(row)
    low, high = (percent(each, "x1") for each in with_class(row, "limit"))
    (accepted,) = with_class(row, "accepted")
    assert percent(accepted, "x") == low
    assert percent(accepted, "width") == pytest.approx(high - low, abs=0.02)


def test_the_flip_square_counts_every_row_once_and_says_what_accuracy_won() -> None:
    flips = section(tree("promoted"), "flips")
    known = BODIES["promoted"]()["flips"]

    written = [(each.text or "").replace(",", "") for each in with_class(flips, "big")]
    assert sorted(map(int, written)) == sorted(
        known[key] for key in ("right_right", "right_wrong", "wrong_right", "wrong_wrong")
    )
    picture = flips.findtext(".//svg/title", "").replace(",", "")
    assert f"put wrong {known['right_wrong']}" in picture
    assert f"put right {known['wrong_right']}" in picture
    points = 100 * (known["wrong_right"] - known["right_wrong"]) / sum(map(int, written))
    assert f"{points:+.2f} percentage points of accuracy" in words(flips)


def test_a_curve_goes_through_its_points_from_corner_to_corner() -> None:
    body = promoted()
    body["curves"]["roc"] = {"challenger": [[0, 0], [0.25, 0.75], [1, 1]]}

    drawn = section(parsed(render(body)), "curves").find(".//path[@class='line challenger']")

    assert drawn is not None
    assert drawn.get("d") == "M52.0 352.0L137.0 97.0L392.0 12.0"


def test_the_gauge_has_a_block_for_every_use() -> None:
    gauge = section(tree("promoted"), "budget").find(".//svg")

    assert gauge is not None
    kinds = [each.get("class", "").split()[1] for each in gauge.iter("rect")]
    assert kinds == ["used"] * 2 + ["this"] + ["left"] * 9


@EVERY_BODY
def test_only_what_is_inconclusive_says_how_many_rows_would_settle_it(name: str) -> None:
    body = BODIES[name]()

    assert ("Rows needed" in words(tree(name))) is (body["verdict"] == "INCONCLUSIVE")


def test_the_interval_closes_until_it_leaves_the_limit() -> None:
    budget = section(tree("undecided"), "budget")
    (funnel,) = with_class(budget, "between")
    (limit,) = with_class(budget, "limit")

    edges = re.findall(r"[ML]([\d.]+) ([\d.]+)", funnel.get("d", ""))
    upper = [float(y) for _, y in edges[len(edges) // 2 :]][::-1]

    # Down is greater on a screen: a log loss must come below the limit of no worse.
    assert all(before <= after for before, after in pairwise(upper))
    assert upper[0] < float(limit.get("y1", "")) < upper[-1]


def test_history_marks_each_verdict_by_its_own_shape() -> None:
    history = section(tree("promoted"), "history")
    verdicts = [each["verdict"] for each in envelope()["history"]]

    decisions = with_class(history, "decision")
    shapes = {
        (decision.findtext("title") or "").split()[3].rstrip(":"): (
            decision[2].tag,
            decision[2].get("d"),
        )
        for decision in decisions
    }
    assert len(decisions) == len(verdicts) == 14
    assert set(shapes) == set(verdicts)
    assert shapes["PROMOTE"] == shapes["INCONCLUSIVE"] == ("circle", None)
    assert shapes["REJECT"] != shapes["INVALID"]
    assert "anchor today" in "".join(history.itertext())


@pytest.mark.parametrize(("metric", "level"), [("another", 0.44), ("log_loss", 0.02)])
def test_history_draws_no_anchor_where_it_would_mean_nothing(metric: str, level: float) -> None:
    drawn = parsed(render(promoted(), envelope(metric, level)))

    assert "anchor today" not in "".join(section(drawn, "history").itertext())


def test_without_a_champion_nobody_is_compared() -> None:
    drawn = tree("first model")

    assert not with_class(drawn, "champion")
    assert "not made" in words(section(drawn, "checks"))
    assert "minus champion" not in words(drawn)


def test_an_override_says_who_and_why_and_what_the_gate_had_said() -> None:
    banner = words(tree("overridden")[1][0])

    assert "A person decided" in banner
    assert "Overridden by ada@example.test." in banner
    assert "we accept the doubt" in banner
    assert "The gate said INCONCLUSIVE in decisions/census/" in banner
    assert "INCONCLUSIVE: The challenger's log loss" in banner
    assert "The champion stays" not in banner
    assert "probability of at most" not in banner


def test_an_approval_is_not_taken_for_an_override() -> None:
    banner, told = words(tree("approved")[1][0]), markdown(BODIES["approved"]())

    assert "Approved by ada@example.test." in banner
    assert "The gate said PROMOTE in decisions/census/" in banner
    assert "Approved by ada" in told
    assert "probability of at most" in banner
    assert "verridden" not in banner + told


def test_what_an_early_record_does_not_say_of_the_gate_is_not_guessed() -> None:
    banner, told = words(tree("decided long ago")[1][0]), markdown(decided_long_ago())

    assert "Decided by ada@example.test." in banner
    assert "Decided by ada" in told
    assert "The champion stays" not in banner + told
    assert "verridden" not in banner + told
    assert "probability of at most" not in banner


def test_a_broken_precondition_stands_before_everything_else() -> None:
    first = tree("invalid")[1][1][0]

    assert first.get("id") == "preconditions"
    assert "min_rows ✕does not hold" in words(first)
    assert "max_score_psi ?warns" in words(first)


def test_hostile_names_are_read_and_do_nothing() -> None:
    harmless = HOSTILE.replace("\x1b", "\ufffd").replace("\u202e", "\ufffd")

    said = words(tree("hostile"))
    assert said.count(harmless) > 15
    assert "\u202e" not in page("hostile")
    assert "\x1b" not in page("hostile")
    assert not list(tree("hostile").iter("script"))


def test_half_a_surrogate_pair_does_not_keep_a_page_from_being_written() -> None:
    text = render(promoted() | {"headline": "half \ud800 a pair"})

    assert "half \ufffd a pair" in text.encode().decode()


@EVERY_BODY
def test_the_same_record_gives_the_same_bytes_whether_or_not_it_was_read_back(name: str) -> None:
    body, around = BODIES[name](), envelope()
    read_back = json.loads(json.dumps([body, around], sort_keys=True))

    assert render(*read_back) == page(name)


def changed(value: Any, to: object) -> Any:
    """*value* with every number changed *to* something."""
    if isinstance(value, dict):
        return {key: changed(each, to) for key, each in value.items()}
    if isinstance(value, list):
        return [changed(each, to) for each in value]
    return to if isinstance(value, int | float) else value


@pytest.mark.parametrize("key", promoted())
def test_a_record_that_lacks_something_is_still_a_page(key: str) -> None:
    for junk in (["x", None, [1]], {"x": {"champion": "y"}, "champion": None, "bins": 7}):
        assert parsed(render(undecided() | {key: junk})).tag == "html"


@pytest.mark.parametrize("to", [None, 0, -1e300, "text", float("nan")], ids=str)
@pytest.mark.parametrize("name", ["promoted", "undecided", "regression", "multiclass"])
def test_numbers_of_any_kind_are_still_a_page(name: str, to: object) -> None:
    body, around = changed([BODIES[name](), envelope()], to)

    assert parsed(render(body, around)).tag == "html"
