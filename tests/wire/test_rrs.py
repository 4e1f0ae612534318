"""What is promised of scoring: each row answered, in order, keyed by column, in both formats."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_aml_retrain.errors import BadInput, NoSuchName, WireError
from airflow_aml_retrain.wire.conversation import Request, Response
from airflow_aml_retrain.wire.rrs import Format, RequestResponse
from airflow_aml_retrain.wire.verbs import Row
from tests.wire.rehearsal import answered, rehearse

API = "https://rrs.test/workspaces/w/services/s"
RRS = RequestResponse(API)
ROWS: list[Row] = [{"age": 39, "job": None}, {"job": "Sales", "age": "50"}]
SCORED = [{"age": "39", "Scored Labels": "<=50K"}, {"age": "50", "Scored Labels": ">50K"}]


def table(rows: list[dict[str, str]], **rest: object) -> dict[str, object]:
    names = list(rows[0])
    values = [[row[name] for name in names] for row in rows]
    return {"type": "table", "value": {"ColumnNames": names, "Values": values, **rest}}


def results(**outputs: object) -> Response:
    return answered({"Results": outputs})


def test_the_table_form_sends_columns_once_and_each_row_in_their_order() -> None:
    requests: list[Request] = []

    scored = rehearse(RRS.score(ROWS), [results(output1=table(SCORED))], None, requests)

    assert scored == SCORED
    assert requests[0].line == f"POST {API}/execute?api-version=2.0"
    assert requests[0].body == {
        "Inputs": {
            "input1": {"ColumnNames": ["age", "job"], "Values": [[39, None], ["50", "Sales"]]}
        },
        "GlobalParameters": {},
    }


def test_the_swagger_form_sends_one_object_for_each_row() -> None:
    requests: list[Request] = []
    rrs = RequestResponse(API, input_name="people", format=Format.SWAGGER)

    scored = rehearse(rrs.score(ROWS), [results(output1=SCORED)], None, requests)

    assert scored == SCORED
    assert requests[0].line == f"POST {API}/execute?api-version=2.0&format=swagger"
    assert requests[0].body == {"Inputs": {"people": ROWS}, "GlobalParameters": {}}


@pytest.mark.parametrize("form", list(Format))
@pytest.mark.parametrize("output", [SCORED, table(SCORED), table(SCORED, ColumnTypes=["Int32"])])
def test_an_answer_is_read_as_it_came_whatever_was_asked(form: Format, output: object) -> None:
    rrs = RequestResponse(API, format=form)

    assert rehearse(rrs.score(ROWS), [results(output1=output)]) == SCORED


@given(st.lists(st.dictionaries(st.just("a"), st.none() | st.booleans() | st.floats(), min_size=1)))
def test_every_value_is_a_string(said: list[dict[str, object]]) -> None:
    rows: list[Row] = [{"a": 1} for _ in said]

    scored = rehearse(RRS.score(rows), [results(output1=said)])

    assert len(scored) == len(said)
    assert all(type(value) is str for row in scored for value in row.values())


def test_of_several_outputs_the_one_that_was_named_is_returned() -> None:
    rrs = RequestResponse(API, output_name="scores")

    assert rehearse(rrs.score(ROWS), [results(other=[], scores=SCORED)]) == SCORED


def test_of_several_outputs_none_is_guessed() -> None:
    with pytest.raises(BadInput, match=r"expected one output .*, got 2; name it: 'a', 'b'"):
        rehearse(RRS.score(ROWS), [results(a=SCORED, b=SCORED)])


def test_an_output_that_does_not_exist_is_an_error_that_names_those_that_do() -> None:
    with pytest.raises(NoSuchName, match=r"no output named 'scores'.*: 'output1'"):
        rehearse(RequestResponse(API, output_name="scores").score(ROWS), [results(output1=SCORED)])


def test_no_rows_are_no_question() -> None:
    assert rehearse(RRS.score([]), []) == []


def test_rows_with_other_columns_are_refused_before_anything_is_sent() -> None:
    with pytest.raises(BadInput, match="row 1 has other columns than row 0: 'b'"):
        rehearse(RRS.score([{"a": 1}, {"a": 1, "b": 2}]), [])


@pytest.mark.parametrize("count", [0, 1, 3])
def test_another_number_of_rows_than_was_asked_is_an_error(count: int) -> None:
    with pytest.raises(WireError, match=f"expected 2 scored rows, got {count}"):
        rehearse(RRS.score(ROWS), [results(output1=[{"a": "1"}] * count)])


@pytest.mark.parametrize(
    "output",
    [
        None,
        "text",
        {"value": {"Values": [["1"], ["2"]]}},
        {"value": {"ColumnNames": ["a"], "Values": [["1", "2"], ["3", "4"]]}},
        {"value": {"ColumnNames": ["a"], "Values": [1, 2]}},
        [["1"], ["2"]],
        [{"a": {}}, {"a": {}}],
    ],
)
def test_an_answer_in_another_shape_is_an_error(output: object) -> None:
    with pytest.raises(WireError, match="expected"):
        rehearse(RRS.score(ROWS), [results(output1=output)])


@pytest.mark.parametrize("said", [[], {}, {"Results": None}, "x"])
def test_an_answer_without_results_is_an_error(said: object) -> None:
    with pytest.raises(WireError, match="expected scores with Results"):
        rehearse(RRS.score(ROWS), [answered(said)])
