"""
The flip square: which rows changed sides.

Law: accuracy gained is rows put right less rows put wrong, and both are shown; a model that is
better on the whole may still take back answers that people rely on.
"""

from collections.abc import Iterator

from airflow_aml_retrain.gate.report.layout import pairs, section
from airflow_aml_retrain.gate.report.markup import Html, element, joined
from airflow_aml_retrain.gate.report.numerals import count, share, signed
from airflow_aml_retrain.gate.report.part import Part
from airflow_aml_retrain.gate.report.plot import label, picture

_SIDE = 150.0
_LEFT, _TOP = 96.0, 46.0


def flips_section(record: Part) -> Html:
    flips = record.part("flips")
    rows = sum(flips.count(key) for key in _CELLS)
    if not rows:
        return Html()
    side = element("div", _balance(flips), pairs(_rates(flips, rows)))
    inside = element("div", _square(flips, rows), side, class_="beside")
    return section("flips", "Rows that changed sides", _lead(flips, rows), inside)


_CELLS = {
    "right_right": (0, 0, "both right", "same"),
    "right_wrong": (1, 0, "put wrong", "worse"),
    "wrong_right": (0, 1, "put right", "better"),
    "wrong_wrong": (1, 1, "both wrong", "same"),
}


def _lead(flips: Part, rows: int) -> str:
    wrong, right = flips.count("right_wrong"), flips.count("wrong_right")
    points = 100 * (right - wrong) / rows
    return (
        f"The models disagree on {count(right + wrong)} of {count(rows)} rows. The challenger puts "
        f"{count(right)} right that the champion had wrong, and {count(wrong)} wrong that it had "
        f"right: {signed(points, 0.1)} percentage points of accuracy."
    )


def _square(flips: Part, rows: int) -> Html:
    cells = [_cell(flips.count(key), rows, look) for key, look in _CELLS.items()]
    heads = (
        label(_LEFT + _SIDE, 16, "challenger", "middle", class_="axis"),
        label(_LEFT + _SIDE / 2, 36, "right", "middle"),
        label(_LEFT + 1.5 * _SIDE, 36, "wrong", "middle"),
        label(_LEFT - 10, _TOP + _SIDE / 2 - 8, "champion", "end", class_="axis"),
        label(_LEFT - 10, _TOP + _SIDE / 2 + 10, "right", "end"),
        label(_LEFT - 10, _TOP + 1.5 * _SIDE + 4, "wrong", "end"),
    )
    said = ", ".join(f"{word} {count(flips.count(key))}" for key, (_, _, word, _) in _CELLS.items())
    width, height = _LEFT + 2 * _SIDE + 4, _TOP + 2 * _SIDE + 4
    return picture(f"Flip square: {said}", *cells, *heads, width=width, height=height)


def _cell(number: int, rows: int, look: tuple[int, int, str, str]) -> Html:
    column, line, word, kind = look
    x, y = _LEFT + column * _SIDE, _TOP + line * _SIDE
    ground = element(
        "rect",
        x=x + 2,
        y=y + 2,
        width=_SIDE - 4,
        height=_SIDE - 4,
        rx=6,
        class_=f"cell {kind}",
    )
    middle = x + _SIDE / 2
    return joined(
        (
            ground,
            label(middle, y + 68, count(number), "middle", class_="big"),
            label(middle, y + 90, word, "middle"),
            label(middle, y + 108, share(number / rows), "middle", class_="soft"),
        )
    )


def _balance(flips: Part) -> Html:
    """Rows put right against rows put wrong, as two bars that part in the middle."""
    wrong, right = flips.count("right_wrong"), flips.count("wrong_right")
    longest = max(wrong, right, 1)
    bars = (
        _half(190 - 180 * wrong / longest, 180 * wrong / longest, "worse"),
        _half(190, 180 * right / longest, "better"),
        element("line", x1=190, x2=190, y1=22, y2=62, class_="limit"),
        label(182, 16, f"{count(wrong)} put wrong", "end"),
        label(198, 16, f"{count(right)} put right"),
    )
    title = f"Put wrong {count(wrong)}, put right {count(right)}"
    return picture(title, *bars, width=380, height=68)


def _half(x: float, width: float, kind: str) -> Html:
    return element("rect", x=x, y=28, width=width, height=28, class_=f"cell {kind}")


def _rates(flips: Part, rows: int) -> Iterator[tuple[str, str]]:
    low, high = flips.number("negative_low"), flips.number("negative_high")
    within = f" ({share(low)} to {share(high)})" if low is not None else ""
    yield "Put wrong", share(flips.number("negative_rate")) + within
    yield "Put right", share(flips.number("positive_rate"))
    churn = flips.number("churn")
    yield "Changed answers (churn)", share(churn) if churn is not None else ""
    yield "Rows", count(rows)
