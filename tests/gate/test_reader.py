"""What is read is what stands in the file, and what cannot be read is refused with its row."""

from io import BytesIO
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_aml_retrain.errors import GateError
from airflow_aml_retrain.gate.metrics import Task
from airflow_aml_retrain.gate.policy import Policy
from airflow_aml_retrain.gate.reader import ScoredRows, read_scored

BINARY = {"label": "y", "checks": [{"metric": "auc", "at_least": 0.5}]}
REGRESSION = {"label": "y", "checks": [{"metric": "mae", "at_most": 1}]}


class Trickle(BytesIO):
    """A stream that gives at most *most* bytes at a time, as a network does."""

    def __init__(self, content: bytes, most: int) -> None:
        super().__init__(content)
        self.most = most

    def read(self, size: int | None = -1) -> bytes:
        return super().read(self.most if size is None or size < 0 else min(size, self.most))


def read(text: str | bytes, policy: dict[str, Any] = BINARY, **more: object) -> ScoredRows:
    content = text.encode() if isinstance(text, str) else text
    return read_scored(BytesIO(content), Policy.parse({**policy, **more}))


def scored(*rows: str, header: str = "y,Scored Probabilities") -> str:
    return "\n".join([header, *rows]) + "\n"


def test_azures_columns_need_no_configuration() -> None:
    text = scored(
        "39,<=50K,<=50K,0.25",
        "28,>50K,>50K,0.75",
        header="age,y,Scored Labels,Scored Probabilities",
    )

    rows = read(text)

    assert (rows.task, rows.classes, rows.positive) == (Task.BINARY, ("<=50K", ">50K"), ">50K")
    assert rows.truth.tolist() == [False, True]
    assert rows.scores.tolist() == [0.25, 0.75]


def test_the_columns_of_the_newer_generation_are_known_too() -> None:
    binary = read(
        scored(
            "0,0,.1",
            "1,1,.9",
            header="y,Binary Class Scored Labels,Binary Class Scored Probabilities",
        )
    )
    regression = read(scored("1,2.5", "2,3.5", header="y,Regression Scored Labels"), REGRESSION)

    assert binary.scores.tolist() == [0.1, 0.9]
    assert (regression.task, regression.scores.tolist()) == (Task.REGRESSION, [2.5, 3.5])


def test_a_column_of_scores_can_be_named() -> None:
    assert read(scored("0,.1", "1,.9", header="y,p"), score="p").scores.tolist() == [0.1, 0.9]


@pytest.mark.parametrize(
    ("labels", "positive", "expected"),
    [
        (["0", "1"], None, "1"),
        (["10", "9"], None, "10"),
        (["no", "yes"], None, "yes"),
        (["no", "yes"], "no", "no"),
        (["0.0", "1.0"], 1, "1"),
        (["False", "True"], True, "True"),
    ],
)
def test_the_positive_class_is_the_second_in_sorted_order_or_the_one_named(
    labels: list[str], positive: object, expected: str
) -> None:
    rows = read(scored(*(f"{label},0.5" for label in labels)), positive=positive)

    assert rows.positive == expected
    assert rows.truth.sum() == 1


finite = st.floats(-1e300, 1e300)


@given(st.lists(st.tuples(finite, finite), min_size=2, max_size=50), st.integers(1, 40))
def test_numbers_arrive_exactly_however_the_bytes_are_cut(
    values: list[tuple[float, float]], most: int
) -> None:
    values = [*values, (0.0, 1.0), (1.0, 0.0)]
    text = scored(*(f"{a!r},{b!r}" for a, b in values), header="y,Scored Labels")

    rows = read_scored(Trickle(text.encode(), most), Policy.parse(REGRESSION))

    assert list(zip(rows.truth.tolist(), rows.scores.tolist(), strict=True)) == values


@pytest.mark.parametrize(
    "text",
    [
        "\ufeffy,Scored Probabilities\n0,0.5\n1,0.75\n",
        "y,Scored Probabilities\r\n0,0.5\r\n1,0.75\r\n",
        "\n\ny,Scored Probabilities\n0,0.5\n\n1,0.75",
        ' y ,"Scored Probabilities"\n"0", 0.5 \n 1.0,+.75\n',
        'y,Scored Probabilities,"no\nte"\n0,0.5,"a\nb"\n1,0.75,\n',
    ],
    ids=["byte order mark", "CRLF", "blank lines, no last line end", "blanks", "quoted line ends"],
)
def test_harmless_variations_of_csv_read_the_same(text: str) -> None:
    rows = read(text)

    assert (rows.truth.tolist(), rows.scores.tolist()) == ([False, True], [0.5, 0.75])


def test_many_blocks_read_as_one() -> None:
    count = 300_000
    text = scored(*(f"{at % 2},{at % 7 / 7}" for at in range(count)))

    rows = read(text)

    assert np.array_equal(rows.truth, np.arange(count) % 2 == 1)
    assert np.array_equal(rows.scores, np.arange(count) % 7 / 7)


def test_a_row_is_named_by_its_number_also_far_into_the_file() -> None:
    lines = [f"{at % 2},0.5" for at in range(1, 900_001)]
    lines[800_000 - 1] = "1,oops"

    with pytest.raises(GateError, match="is not a number in row 800000: 'oops'"):
        read(scored(*lines))


REFUSED: list[tuple[str | bytes, dict[str, Any], str]] = [
    (b"", BINARY, "the file is empty"),
    (b"\n\n", BINARY, "the file is empty"),
    (scored(), BINARY, "a header and no rows"),
    ("y,Scored Probabilities", BINARY, "a header and no rows"),
    (scored("0,.1"), {**BINARY, "label": None}, "names no label.*'y', 'Scored Probabilities'"),
    (scored("0,.1"), {**BINARY, "label": "z"}, "no label column 'z'; the columns are: 'y'"),
    (scored("0,.1", header="y,p"), BINARY, "no score column 'Scored Probabilities' or"),
    (scored("0;1", header="y;p"), BINARY, "separated by commas"),
    (scored("0,.1,.1", header="y,y,Scored Probabilities"), BINARY, "more than one label"),
    (scored("1,.1"), {**BINARY, "label": "Scored Labels"}, "what a model said, not the truth"),
    (scored("0,.1"), REGRESSION, "checks mae, a metric of regression.*those of binary"),
    (scored("0,.1", header='y,Scored Probabilities for Class "a"'), REGRESSION, "multiclass"),
    (scored("0,.1", "1,", "1,"), BINARY, "score 'Scored Probabilities' is missing in rows 2, 3"),
    (scored("0,.1", "1,nan"), BINARY, "is nan in row 2; it must be a finite number"),
    (scored("0,.1", "1,-inf"), BINARY, "is -inf in row 2"),
    (scored("0,.1", "1,1e999"), BINARY, "is 1e999 in row 2"),
    (scored("0,.1", '1,"0,9"'), BINARY, "decimal comma in row 2: '0,9'; write numbers with"),
    (scored("0,.1", "1,high"), BINARY, "is not a number in row 2: 'high'"),
    (scored("0,.1", "1,1_0"), BINARY, "is not a number in row 2: '1_0'"),
    (scored("0,.1", "1,1.01"), BINARY, r"is 1.01 in row 2; a probability lies in \[0, 1\]"),
    (scored("0,-0.01", "1,1"), BINARY, "is -0.01 in row 1"),
    (scored("0,.1", " ,.2", "1,.3"), BINARY, "label 'y' is missing in row 2"),
    (scored("0,.1", "0,.2"), BINARY, "'0' in every row; a hold-out needs rows of both"),
    (scored("0,.1", "1,.2", "2,.3"), BINARY, "more than 2 different values"),
    (scored("0,.1", "1,.2"), {**BINARY, "positive": "yes"}, "'yes', and label 'y' holds '0' and"),
    (scored("0,.1", "1"), BINARY, "not the CSV that its header promises.*got 1"),
    (scored("0,.1", "1,.2,3"), BINARY, "after row 0 .*Expected 2 columns, got 3"),
    (scored("1,2", "a,3", header="y,Scored Labels"), REGRESSION, "label 'y' is not a number"),
    (scored("1,2", "1,3", header="y,Scored Labels"), REGRESSION, "1.0 in every row"),
    (scored("1,2", "2,inf", header="y,Scored Labels"), REGRESSION, "'Scored Labels' is inf"),
]


@pytest.mark.parametrize(("text", "policy", "said"), REFUSED, ids=[said for *_, said in REFUSED])
def test_what_cannot_be_read_is_refused_with_its_place(
    text: str | bytes, policy: dict[str, Any], said: str
) -> None:
    with pytest.raises(GateError, match=said):
        read(text, policy)


@pytest.mark.parametrize("most", [1, 2, 3, 1000])
def test_bytes_that_are_not_utf8_are_refused_with_their_place(most: int) -> None:
    content = "y,Scored Probabilities,n\n0,.1,Düsseldorf\n1,.2,".encode() + b"K\xf6ln\n"

    place = content.index(b"\xf6") + 1

    with pytest.raises(GateError, match=rf"byte {place} of the file \(0xf6, in line 3\) is not"):
        read_scored(Trickle(content, most), Policy.parse(BINARY))


def test_a_file_cut_inside_a_character_is_refused() -> None:
    with pytest.raises(GateError, match="is not UTF-8"):
        read("y,Scored Probabilities,n\n0,.1,ü".encode()[:-1])


def test_scores_of_the_wrong_class_are_refused() -> None:
    text = scored("a,a,0.9", "b,b,0.1", "b,b,0.2", header="y,Scored Labels,Scored Probabilities")

    assert read(text, positive="a").positive == "a"
    with pytest.raises(GateError, match="rows scored 'b' have lower scores than the others"):
        read(text)


def test_a_scored_label_that_is_no_label_is_refused() -> None:
    text = scored("a,a,0.1", "b,c,0.9", header="y,Scored Labels,Scored Probabilities")

    with pytest.raises(GateError, match="scored label 'c' is not a value of the label"):
        read(text)


def test_a_lost_connection_is_no_fault_of_the_data() -> None:
    class Lost(BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        read_scored(Lost(), Policy.parse(BINARY))
