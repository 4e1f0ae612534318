"""What is promised of the request-response service: two formats, and every value a string."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.emulator.studio import VERSION, Json, Service, Studio, census, details

ROW = {"age": 30, "workclass": "Private", "hours": "40"}


@pytest.fixture(scope="module")
def known() -> dict[str, Service]:
    return {}


@pytest.fixture
def scoring(studio: Studio, known: dict[str, Service]) -> Service:
    """One service for the whole file: nothing here changes it."""
    if "scoring" not in known:
        known["scoring"] = studio.publish("scoring")
    return known["scoring"]


def _default(service: Service) -> Json:
    return {"ApiLocation": service.api, "PrimaryKey": service.key}


def test_the_swagger_format_takes_and_gives_rows(studio: Studio, scoring: Service) -> None:
    answer = studio.score(_default(scoring), ROW, {**ROW, "age": 70})

    rows = answer.json()["Results"]["output1"]
    assert [row["Scored Labels"] for row in rows] == ["<=50K", ">50K"]
    assert list(rows[0]) == ["age", "workclass", "hours", "Scored Labels", "Scored Probabilities"]
    assert all(isinstance(value, str) for row in rows for value in row.values())


def test_the_default_format_takes_and_gives_a_table(studio: Studio, scoring: Service) -> None:
    table = {"ColumnNames": list(ROW), "Values": [list(ROW.values())]}
    body = {"Inputs": {"input1": table}, "GlobalParameters": {}}
    url = f"{scoring.api}/execute{VERSION}"

    plain = studio.data("POST", url, scoring.key, body).json()["Results"]["output1"]
    typed = studio.data("POST", f"{url}&details=true", scoring.key, body).json()["Results"]

    assert plain["type"] == "table"
    assert plain["value"]["Values"][0][:4] == ["30", "Private", "40", "<=50K"]
    assert "ColumnTypes" not in plain["value"]
    assert typed["output1"]["value"]["ColumnTypes"] == [
        "Int32",
        "String",
        "Double",
        "String",
        "Double",
    ]


def test_a_label_that_is_sent_comes_back(studio: Studio, scoring: Service) -> None:
    row = studio.score(_default(scoring), {**ROW, "income": ">50K"}).json()["Results"]["output1"][0]

    assert (row["income"], row["Scored Labels"]) == (">50K", "<=50K")


def test_missing_values_are_scored(studio: Studio, scoring: Service) -> None:
    answer = studio.score(_default(scoring), {"age": "?", "workclass": "New", "hours": None})

    assert answer.status_code == 200


def test_rrs_and_bes_give_the_same_scores(studio: Studio, scoring: Service) -> None:
    csv = census(20, seed=9)
    header, *lines = csv.splitlines()
    rows = [dict(zip(header.split(","), line.split(","), strict=True)) for line in lines]
    body = {"Inputs": {"input1": studio.put("rows.csv", csv)}}

    batch = studio.run(scoring.api, scoring.key, body)["Results"]["output1"]
    direct = studio.score(_default(scoring), *rows).json()["Results"]["output1"]

    in_batch = [line.split(",") for line in studio.get(batch).decode().splitlines()[1:]]
    assert in_batch == [list(row.values()) for row in direct]


@pytest.mark.parametrize(
    ("inputs", "code", "detail"),
    [
        ({}, "BadArgument", "MissingRequestInput"),
        ({"input1": []}, "BadArgument", "MissingRequestInput"),
        ({"input2": [ROW]}, "BadArgument", "InvalidInputNames"),
        ({"input1": "rows"}, "BadArgument", "RequestBodyInvalid"),
        ({"input1": [{"age": 30}]}, "BadUserArgument", "InputMismatchError"),
        ({"input1": [{**ROW, "age": "old"}]}, "BadUserArgument", "InputParseError"),
    ],
)
def test_rows_that_do_not_fit_are_refused_in_documented_words(
    studio: Studio, scoring: Service, inputs: Json, code: str, detail: str
) -> None:
    url = f"{scoring.api}/execute{VERSION}&format=swagger"

    answer = studio.data("POST", url, scoring.key, {"Inputs": inputs})

    assert details(answer) == (400, code, [detail])


def test_a_row_of_another_width_is_refused(studio: Studio, scoring: Service) -> None:
    table = {"ColumnNames": list(ROW), "Values": [["30", "Private"]]}

    answer = studio.data(
        "POST", f"{scoring.api}/execute{VERSION}", scoring.key, {"Inputs": {"input1": table}}
    )

    assert details(answer) == (400, "BadUserArgument", ["InputParseError"])


def test_a_training_service_does_not_answer_rows(studio: Studio) -> None:
    training = studio.publish("training")

    assert studio.score(_default(training), ROW).status_code == 501


def test_swagger_needs_no_key_and_has_what_the_r_client_reads(
    studio: Studio, scoring: Service
) -> None:
    said = studio.data("GET", f"{scoring.api}/swagger.json", "").json()

    assert [path for path in said["paths"] if "/execute?" in path]
    example = said["definitions"]["ExecutionRequest"]["example"]
    assert set(example["Inputs"]["input1"][0]) == {"age", "workclass", "hours", "income"}
    assert said["definitions"]["input1Item"]["properties"]["age"]["type"] == "integer"
    assert studio.score(_default(scoring), example["Inputs"]["input1"][0]).status_code == 200


def test_more_calls_at_once_than_the_endpoint_takes_are_throttled(studio: Studio) -> None:
    service = studio.publish("scoring")
    endpoint = studio.endpoint(service, MaxConcurrentCalls=1)
    rows = [ROW] * 3000

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: studio.score(endpoint, *rows), range(16)))

    refused = [answer for answer in answers if answer.status_code != 200]
    assert len(refused) < len(answers)
    assert {details(answer)[0] for answer in refused} == {503}
    assert details(refused[0]) == (503, "ServiceUnavailable", ["RequestThrottled"])
    assert "for retrain endpoint. The maximum concurrency for the endpoint is 1." in refused[0].text
