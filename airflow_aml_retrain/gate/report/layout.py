"""What a page is laid out in: sections, tables, lists, and parts that are folded away."""

from collections.abc import Iterable

from airflow_aml_retrain.gate.report.markup import Html, element, joined


def section(id_: str, title: str, lead: str, *inside: Html) -> Html:
    """A part of the page: its *title*, one paragraph that says it, and the rest."""
    heading = element("h2", title, id=f"{id_}-title")
    words = (element("p", lead, class_="lead"),) if lead else ()
    return element("section", heading, *words, *inside, id=id_, aria_labelledby=f"{id_}-title")


def folded(summary: str, *inside: Html, is_open: bool = False) -> Html:
    return element(
        "details", element("summary", summary), *inside, open="open" if is_open else None
    )


def pairs(entries: Iterable[tuple[str, str]]) -> Html:
    """A list of names and what they are; what is empty is left out."""
    inside = [
        element("div", element("dt", name), element("dd", said)) for name, said in entries if said
    ]
    return element("dl", *inside) if inside else Html()


def table(heads: Iterable[str], rows: Iterable[Html], *, numbers_from: int = 1) -> Html:
    """A table whose columns hold numbers from *numbers_from* on."""
    cells = (
        element("th", head, scope="col", class_="number" if at >= numbers_from else None)
        for at, head in enumerate(heads)
    )
    inside = (element("thead", element("tr", *cells)), element("tbody", *rows))
    return element("div", element("table", *inside), class_="wide")


def estimated(value: str, interval: str) -> Html:
    """A number, and below it how sure it is."""
    below = (element("div", interval, class_="interval"),) if interval else ()
    return joined((element("div", value, class_="value"), *below))


def row(name: str, *cells: str, class_: str = "number") -> Html:
    first = element("th", name, scope="row")
    return element("tr", first, *(element("td", cell, class_=class_) for cell in cells))
