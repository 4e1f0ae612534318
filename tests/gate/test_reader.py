"""What is read is what stands in the file, and what cannot be read is refused with its row."""

import csv
import subprocess
import sys
from datetime import UTC, datetime
from io import BytesIO, StringIO
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_aml_retrain.errors import GateError
from airflow_aml_retrain.gate.folded import fold, unfold
from airflow_aml_retrain.gate.metrics import Task
from airflow_aml_retrain.gate.reading.reader import read_rows
from airflow_aml_retrain.gate.reading.utf8 import WholeRecords
from airflow_aml_retrain.gate.rows import CHALLENGER, CHAMPION, Rows
from tests.gate.scored_files import (
    BINARY,
    MULTICLASS,
    REGRESSION,
    SCORE,
    Lost,
    Trickle,
    csv_of,
    parquet_of,
    policy,
    read,
    read_all,
)

IRIS = (
    'y,Scored Labels,"Scored Probabilities for Class ""b""","Scored Probabilities for Class ""a"""'
)


def scores(rows: Rows) -> list[float]:
    return list(map(float, unfold(rows.scores[CHALLENGER])))


def close(*values: float) -> object:
    return pytest.approx(values, rel=1e-7)


def test_azures_columns_need_no_configuration() -> None:
    text = csv_of(
        "39,<=50K,<=50K,0.25",
        "28,>50K,>50K,0.75",
        header=f"age,y,Scored Labels,{SCORE}",
    )

    rows = read(text)

    assert (rows.task, rows.classes) == (Task.BINARY, ("<=50K", ">50K"))
    assert rows.truth.tolist() == [False, True]
    assert scores(rows) == [0.25, 0.75]
    assert rows.is_in_order


def test_the_columns_of_the_newer_generation_are_known_too() -> None:
    names = "y,Binary Class Scored Labels,Binary Class Scored Probabilities"

    binary = read(csv_of("0,0,.125", "1,1,.875", header=names))
    regression = read(csv_of("1,2.5", "2,3.5", header="y,Regression Scored Labels"), REGRESSION)

    assert scores(binary) == [0.125, 0.875]
    assert regression.task is Task.REGRESSION
    assert regression.scores[CHALLENGER].tolist() == [2.5, 3.5]
    assert regression.truth.tolist() == [1.0, 2.0]


def test_a_column_of_scores_can_be_named() -> None:
    assert scores(read(csv_of("0,.25", "1,.75", header="y,p"), score="p")) == [0.25, 0.75]


@pytest.mark.parametrize(
    ("labels", "positive", "expected"),
    [
        (["0", "1"], None, "1"),
        (["10", "9"], None, "10"),
        (["no", "yes"], None, "yes"),
        (["no", "yes"], "no", "no"),
        (["0.0", "1.0"], 1, "1"),
        (["False", "True"], "True", "True"),
    ],
)
def test_the_positive_class_is_the_second_in_sorted_order_or_the_one_named(
    labels: list[str], positive: object, expected: str
) -> None:
    rows = read(csv_of(*(f"{label},0.5" for label in labels)), positive=positive)

    assert rows.classes[1] == expected
    assert rows.truth.sum() == 1


def test_a_score_keeps_seven_digits_next_to_1_as_next_to_0() -> None:
    rows = read(csv_of("0,1e-12", "1,0.9999999999", "1,1", "0,0"))

    folded = rows.scores[CHALLENGER]

    assert folded.dtype == np.float32
    assert (1 - unfold(folded))[1] == pytest.approx(1e-10, rel=1e-5)
    assert np.array_equal(folded, fold(np.array([1e-12, 0.9999999999, 1, 0])))


def test_where_log_loss_is_cut_off_is_counted() -> None:
    rows = read(csv_of("0,0", "0,1", "1,1", "1,0", "1,1e-300", "1,.5", "0,.9999"))

    assert rows.quality.clipped == {CHALLENGER: 3}


finite = st.floats(-1e300, 1e300)


@given(st.lists(st.tuples(finite, finite), min_size=2, max_size=50), st.integers(1, 40))
def test_numbers_arrive_exactly_however_the_bytes_are_cut(
    values: list[tuple[float, float]], most: int
) -> None:
    values = [*values, (0.0, 1.0), (1.0, 0.0)]
    text = csv_of(*(f"{a!r},{b!r}" for a, b in values), header="y,Scored Labels")

    rows = read_rows({CHALLENGER: Trickle(text.encode(), most)}, policy(REGRESSION))

    assert list(zip(rows.truth, rows.scores[CHALLENGER], strict=True)) == values


cells = st.text(st.sampled_from('a"\n,\r é'), max_size=6)


@given(st.lists(st.tuples(cells, cells), min_size=1, max_size=12), st.integers(1, 30))
def test_a_csv_is_cut_only_between_records(rows: list[tuple[str, str]], block: int) -> None:
    text = StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rows)
    content = text.getvalue().encode()

    blocks = list(WholeRecords(BytesIO(content), block=block))

    assert b"".join(blocks) == content
    read_back = [csv.reader(StringIO(each.decode(), newline="")) for each in blocks]
    assert [tuple(row) for each in read_back for row in each] == rows


@pytest.mark.parametrize(
    "text",
    [
        f"\ufeffy,{SCORE}\n0,0.5\n1,0.75\n",
        f"y,{SCORE}\r\n0,0.5\r\n1,0.75\r\n",
        f"y,{SCORE}\r0,0.5\r1,0.75\r",
        f"\n\ny,{SCORE}\n0,0.5\n\n1,0.75",
        f' y ,"{SCORE}"\n"0", 0.5 \n 1.0,+.75\n',
        f'y,{SCORE},"no\nte"\n0,0.5,"a\nb"\n1,0.75,\n',
        f'y,{SCORE},inch\n0,0.5,5"\n1,0.75,\n',
    ],
    ids=[
        "byte order mark",
        "CRLF",
        "CR",
        "blank lines, no last line end",
        "blanks",
        "quoted line ends",
        "a lonely quotation mark",
    ],
)
def test_harmless_variations_of_csv_read_the_same(text: str) -> None:
    rows = read(text)

    assert (rows.truth.tolist(), scores(rows)) == ([False, True], [0.5, 0.75])


def test_many_blocks_read_as_one() -> None:
    count = 150_000
    text = csv_of(*(f"{at % 2},{at % 7 / 7}" for at in range(count)))

    rows = read(text)

    assert np.array_equal(rows.truth, np.arange(count) % 2 == 1)
    assert np.array_equal(rows.scores[CHALLENGER], fold(np.arange(count) % 7 / 7))


@pytest.mark.parametrize(
    ("line", "said"),
    [("1,oops", "is not a number in row 200000: 'oops'"), ("1", "after row 199999 the file")],
)
def test_a_row_is_named_by_its_number_also_far_into_the_file(line: str, said: str) -> None:
    lines = [f"{at % 2},0.5" for at in range(1, 220_001)]
    lines[200_000 - 1] = line

    with pytest.raises(GateError, match=said):
        read(csv_of(*lines))


REFUSED: list[tuple[str | bytes, Any, dict[str, Any], str]] = [
    (b"", BINARY, {}, "the file is empty"),
    (b"\n\n", BINARY, {}, "the file is empty"),
    (csv_of(), BINARY, {}, "a header and no rows"),
    (f"y,{SCORE}", BINARY, {}, "a header and no rows"),
    (csv_of("0,.1"), BINARY, {"label": None}, "names no label.*data.label.*'y', 'Scored Prob"),
    (csv_of("0,.1"), BINARY, {"label": "z"}, "no label column 'z'; the columns are: 'y'"),
    (csv_of("0,.1", header="y,p"), BINARY, {}, "no score column 'Scored Probabilities' or"),
    (csv_of("0;1", header="y;p"), BINARY, {}, "separated by commas"),
    (csv_of("0,.1,.1", header=f"y,y,{SCORE}"), BINARY, {}, "more than one label"),
    (csv_of("0,.1"), BINARY, {"id": "key"}, "no id column 'key'; the columns are"),
    (csv_of("1,.1"), BINARY, {"label": "Scored Labels"}, "what a model said, not the truth"),
    (csv_of("1,.1"), MULTICLASS, {"label": f"{SCORE}_a"}, "what a model said, not the truth"),
    (csv_of("0,.1"), REGRESSION, {}, "checks mae, a metric of regression.*those of binary"),
    (csv_of("0,.1", header=f"y,{SCORE}_a"), REGRESSION, {}, "the columns are those of multiclass"),
    (csv_of("0,.1", header=f"y,{SCORE}_a"), MULTICLASS, {}, "one column .* for each class x"),
    (
        csv_of("0,.1", "1,", "1,"),
        BINARY,
        {},
        "score 'Scored Probabilities' is missing in rows 2, 3",
    ),
    (csv_of("0,.1", "1,nan"), BINARY, {}, "is nan in row 2; it must be a finite number"),
    (csv_of("0,.1", "1,-inf"), BINARY, {}, "is -inf in row 2"),
    (csv_of("0,.1", "1,1e999"), BINARY, {}, "is 1e999 in row 2"),
    (csv_of("0,.1", '1,"0,9"'), BINARY, {}, "decimal comma in row 2: '0,9'; write numbers with"),
    (csv_of("0,.1", "1,high"), BINARY, {}, "is not a number in row 2: 'high'"),
    (csv_of("0,.1", "1,1_0"), BINARY, {}, "is not a number in row 2: '1_0'"),
    (csv_of("0,.1", "1,\u0661"), BINARY, {}, "is not a number in row 2: '\u0661'"),
    (csv_of("0,.1", "1,1.01"), BINARY, {}, r"is 1.01 in row 2; a probability lies in \[0, 1\]"),
    (csv_of("0,-0.01", "1,1"), BINARY, {}, "is -0.01 in row 1"),
    (csv_of("0,.1", " ,.2", "1,.3"), BINARY, {}, "label 'y' is missing in row 2; fill it in, or"),
    (csv_of("0,.1", "0,.2"), BINARY, {}, "'0' in every row; a hold-out needs rows of both"),
    (csv_of("0,.1", "1,.2", "2,.3"), BINARY, {}, "more than 2 different values"),
    (csv_of("0,.1", "1,.2"), BINARY, {"positive": "yes"}, "'yes', and label 'y' holds '0' and"),
    (csv_of("0,.1", "1"), BINARY, {}, "after row 1 .* that its header promises.*got 1"),
    (csv_of("0,.1", "1,.2,3"), BINARY, {}, "after row 1 .*Expected 2 columns, got 3"),
    (csv_of("0,.1", '1,".2', "1,.3"), BINARY, {}, "ends within quotation marks .* after line 2"),
    (csv_of("1,2", "a,3", header="y,Scored Labels"), REGRESSION, {}, "label 'y' is not a number"),
    (csv_of("1,2", "1,3", header="y,Scored Labels"), REGRESSION, {}, "truth is the same in every"),
    (csv_of("1,2", "2,inf", header="y,Scored Labels"), REGRESSION, {}, "'Scored Labels' is inf"),
]


@pytest.mark.parametrize(
    ("text", "rules", "data", "said"), REFUSED, ids=[said for *_, said in REFUSED]
)
def test_what_cannot_be_read_is_refused_with_its_place(
    text: str | bytes, rules: Any, data: dict[str, Any], said: str
) -> None:
    with pytest.raises(GateError, match=said):
        read(text, rules, **data)


def test_an_error_names_the_file_and_is_the_same_one_however_the_threads_run() -> None:
    fine, wrong = csv_of("0,.1", "1,.2"), csv_of("0,.1", "1,high")
    late = csv_of(*["0,.1"] * 100_000, "1,high")

    with pytest.raises(GateError, match=r"^the challenger's file: score .* in row 2"):
        read_all({CHAMPION: fine, CHALLENGER: wrong})
    with pytest.raises(GateError, match=r"^the champion's file: score .* in row 100001"):
        read_all({CHAMPION: late, CHALLENGER: wrong})


@pytest.mark.parametrize("most", [1, 2, 3, 1000])
def test_bytes_that_are_not_utf8_are_refused_with_their_place(most: int) -> None:
    content = f"y,{SCORE},n\n0,.1,Düsseldorf\n1,.2,".encode() + b"K\xf6ln\n"

    place = content.index(b"\xf6") + 1

    with pytest.raises(GateError, match=rf"byte {place} of the file \(0xf6, in line 3\) is not"):
        read_rows({CHALLENGER: Trickle(content, most)}, policy())


def test_a_file_cut_inside_a_character_is_refused() -> None:
    with pytest.raises(GateError, match="is not UTF-8"):
        read(f"y,{SCORE},n\n0,.1,ü".encode()[:-1])


def test_a_quotation_mark_that_is_never_closed_does_not_fill_the_memory() -> None:
    endless = csv_of('0,"', *["1,0.5"] * 3_000_000)

    with pytest.raises(GateError, match="no record ends within 16 MB after line 1; is a quotation"):
        read(endless)


def test_scores_of_the_wrong_class_are_refused() -> None:
    text = csv_of("a,a,0.9", "b,b,0.1", "b,b,0.2", header=f"y,Scored Labels,{SCORE}")

    assert read(text, positive="a").classes == ("b", "a")
    with pytest.raises(GateError, match="rows scored 'b' have lower scores than the others"):
        read(text)


def test_a_scored_label_that_is_no_label_is_refused() -> None:
    text = csv_of("a,a,0.1", "b,c,0.9", header=f"y,Scored Labels,{SCORE}")

    with pytest.raises(GateError, match="scored label 'c' is not a value of the label"):
        read(text)


def test_constant_scores_are_fine() -> None:
    assert scores(read(csv_of("0,.5", "1,.5"))) == [0.5, 0.5]


def test_the_policy_may_narrow_where_scores_lie() -> None:
    rules = {**BINARY, "preconditions": {"score_range": [0.01, 0.99]}}

    with pytest.raises(GateError, match=r"is 0.995 in row 2; preconditions.score_range is \[0.01"):
        read(csv_of("0,.5", "1,.995"), rules)


def test_every_class_has_a_column_of_scores() -> None:
    rows = read(csv_of("a,b,.75,.25", "b,b,.5,.5", header=IRIS), MULTICLASS)

    assert (rows.task, rows.classes) == (Task.MULTICLASS, ("a", "b"))
    assert rows.truth.tolist() == [0, 1]
    assert rows.said[CHALLENGER].tolist() == [1, 1]
    assert unfold(rows.scores[CHALLENGER]).tolist() == [[0.25, 0.75], [0.5, 0.5]]


@pytest.mark.parametrize(
    ("begun", "data"),
    [(f"{SCORE}_", {}), ("Multi Class Scored Probabilities_", {}), ("p ", {"score": "p "})],
)
def test_scores_of_classes_are_known_by_how_their_names_begin(
    begun: str, data: dict[str, str]
) -> None:
    header = f"{begun}10,y,{begun}9,{begun}2.0"

    rows = read(csv_of(".2,2,.5,.3", ".1,9,.2,.7", header=header), MULTICLASS, **data)

    assert rows.classes == ("2", "9", "10")
    assert rows.truth.tolist() == [0, 1]
    assert rows.said[CHALLENGER].tolist() == [1, 0]
    assert unfold(rows.scores[CHALLENGER])[0].tolist() == close(0.3, 0.5, 0.2)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["c,a,.5,.5", "a,a,.5,.5"], "label 'y' 'c' is not a class with scores, which are 'a' and"),
        (["a,c,.5,.5", "b,a,.5,.5"], "the scored label 'c' is not a class with scores"),
        (["a,a,.5,.5", "a,a,.5,.5"], "'a' in every row"),
        (["a,a,.5,.5", "b,a,.5,.7"], "of all classes add up to 1.2 in row 2; probabilities add"),
        (["a,a,.5,.5", "b,a,.5,"], 'score .*Class "a". is missing in row 2'),
        (["a,a,.5,.5", "b,,.5,.5"], "the scored label is missing in row 2"),
    ],
)
def test_what_is_no_multiclass_answer_is_refused(lines: list[str], said: str) -> None:
    with pytest.raises(GateError, match=said):
        read(csv_of(*lines, header=IRIS), MULTICLASS)


def test_a_probability_next_to_nothing_for_what_was_true_is_counted_by_class() -> None:
    rows = read(csv_of("a,a,1,0", "b,a,1,0", "b,b,.5,.5", header=IRIS), MULTICLASS)

    assert rows.quality.clipped == {CHALLENGER: 1}


def test_a_lost_connection_is_no_fault_of_the_data() -> None:
    content = csv_of(*["0,.5", "1,.5"] * 10).encode()

    for left in (0, 50):
        with pytest.raises(ConnectionResetError):
            read_rows({CHALLENGER: Lost(content, left)}, policy())


_SCRIPT = """
import sys
from tests.gate.scored_files import BINARY, read
rules = {**BINARY, "preconditions": {"max_null_fraction": 1},
         "slices": {"columns": ["s"], "metrics": ["auc"]}}
columns = dict(score="p", id="i", time="t", cluster_key="c")
lines = ("y,p,s,i,t,c", "0,.1,a,1,2024-01-01,u", "1,,,x2,2024-01-02T00:00Z,v",
         "1, .2,,-3, 2024-02-02,v")
for content in ("\\n".join(lines), sys.stdin.buffer.read()):
    read(content, rules, **columns)
assert "pandas" not in sys.modules
"""


def test_reading_does_not_import_pandas() -> None:
    file = parquet_of(
        {
            "y": ["0", "1", None],
            "p": [0.1, 0.5, None],
            "s": ["a", None, "b"],
            "i": [1, 2, 3],
            "t": [datetime(2024, 1, day, tzinfo=UTC) for day in (1, 2, 3)],
            "c": [1.5, 2.0, 3.0],
        }
    )

    subprocess.run([sys.executable, "-c", _SCRIPT], input=file, check=True)  # noqa: S603 - our own script
