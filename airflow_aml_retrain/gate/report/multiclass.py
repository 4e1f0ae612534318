"""
Which class is taken for which, by either model.

Law: shades are shares of the true class, so that a rare class is judged as hard as a frequent
one. What is right lies on the diagonal, and the commonest mistakes are told in numbers.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Final

from airflow_aml_retrain.gate.report.layout import row, section, table
from airflow_aml_retrain.gate.report.markup import Html, element
from airflow_aml_retrain.gate.report.numerals import count, share, signed
from airflow_aml_retrain.gate.report.part import Part
from airflow_aml_retrain.gate.report.plot import figure, label, picture
from airflow_aml_retrain.gate.rows import CHALLENGER, CHAMPION

_CLASSES: Final = 20
_WRITTEN: Final = 8
"""With more classes than these a number would not fit in its box."""
_MISTAKES: Final = 6
_LEFT, _TOP, _SIDE = 92.0, 76.0, 308.0


@dataclass(frozen=True, slots=True)
class Confusion:
    """Rows of a model by true class (down) and by what it said (across)."""

    classes: tuple[str, ...]
    counts: tuple[tuple[float, ...], ...]

    @property
    def places(self) -> range:
        return range(len(self.classes))

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """Every (true, said)."""
        return [(true, said) for true in self.places for said in self.places]

    @property
    def is_written(self) -> bool:
        return len(self.classes) <= _WRITTEN

    @property
    def side(self) -> float:
        """Of one box, in pixels."""
        return _SIDE / len(self.classes)

    def rows(self, true: int, said: int) -> float:
        """0 where the matrix does not reach."""
        line = self.counts[true] if true < len(self.counts) else ()
        return line[said] if said < len(line) else 0.0

    def share(self, true: int, said: int) -> float:
        """Of all rows of the class *true*."""
        rows = self.rows(true, said)
        return rows / sum(self.counts[true]) if rows else 0.0


def classes_section(record: Part) -> Html:
    curves = record.part("curves")
    classes = curves.texts("classes", 40)[:_CLASSES]
    confusion = curves.part("confusion")
    models = {
        model: Confusion(classes, confusion.lists(model))
        for model in (CHAMPION, CHALLENGER)
        if classes and confusion.lists(model)
    }
    if not models:
        return Html()
    lead = (
        "Rows by their true class (down) and by what was said (across). The stronger a box, the "
        "larger the share of its class."
    )
    drawings = [_drawing(model, each) for model, each in models.items()]
    pair = element("div", *drawings, class_="pair")
    return section("classes", "Confusion", lead, pair, _mistakes(models))


def _drawing(model: str, confusion: Confusion) -> Html:
    right = [
        f"{name} {share(confusion.share(at, at))} right"
        for at, name in enumerate(confusion.classes)
    ]
    drawing = picture(
        f"Confusion of the {model}: {', '.join(right)}",
        *_boxes(confusion),
        *_written(confusion),
        *_names(confusion),
        width=404,
        height=388,
    )
    return figure(drawing, "", model.capitalize())


def _boxes(confusion: Confusion) -> Iterator[Html]:
    """One path for each shade, and none for empty boxes, which keeps the page small."""
    side = confusion.side
    paths: dict[str, str] = {}
    yield element("rect", x=_LEFT, y=_TOP, width=_SIDE, height=_SIDE, class_="box s0")
    for true, said in confusion.pairs:
        if not confusion.rows(true, said):
            continue
        shade = ceil(6 * confusion.share(true, said))
        kind = f"box {'right' if said == true else 'wrong'} s{shade}"
        corner = f"M{_LEFT + side * said + 0.5:.1f} {_TOP + side * true + 0.5:.1f}"
        box = f"{corner}h{side - 1:.1f}v{side - 1:.1f}h{1 - side:.1f}z"
        paths[kind] = paths.get(kind, "") + box
    for kind in sorted(paths):
        yield element("path", d=paths[kind], class_=kind)


def _written(confusion: Confusion) -> Iterator[Html]:
    side = confusion.side
    for true, said in confusion.pairs if confusion.is_written else ():
        ground = "on dark" if confusion.share(true, said) > 4 / 6 else "on"
        x, y = _LEFT + side * (said + 0.5), _TOP + side * (true + 0.5) + 5
        yield label(x, y, count(confusion.rows(true, said)), "middle", class_=ground)


def _names(confusion: Confusion) -> Iterator[Html]:
    small, angle = ("name", -35) if confusion.is_written else ("small", -90)
    for at, name in enumerate(confusion.classes):
        short = name if len(name) <= 11 else f"{name[:10]}…"
        middle = confusion.side * (at + 0.5) + 4
        x, y = _LEFT + middle, _TOP - 6
        turned = f"rotate({angle} {x:.1f} {y:.1f})"
        yield label(_LEFT - 6, _TOP + middle, short, "end", class_=small)
        yield label(x, y, short, class_=small, transform=turned)


def _mistakes(models: dict[str, Confusion]) -> Html:
    """The challenger's commonest ones, beside the champion's."""
    ours, theirs = models.get(CHALLENGER), models.get(CHAMPION)
    if ours is None:
        return Html()
    pairs = [(true, said) for true, said in ours.pairs if true != said]
    worst = sorted(pairs, key=lambda pair: (-ours.rows(*pair), pair))[:_MISTAKES]
    rows = [_mistake(pair, ours, theirs) for pair in worst if ours.rows(*pair)]
    if not rows:
        return Html()
    models_ = ("Challenger",) if theirs is None else ("Challenger", "Champion", "Difference")
    return table(("Commonest mistakes", *models_), rows)


def _mistake(pair: Sequence[int], ours: Confusion, theirs: Confusion | None) -> Html:
    true, said = pair
    name = f"{ours.classes[true]} taken for {ours.classes[said]}"
    rows = ours.rows(true, said)
    if theirs is None:
        return row(name, count(rows))
    before = theirs.rows(true, said)
    return row(name, count(rows), count(before), signed(rows - before, 100))
