"""What is promised of the batch execution service, against the facts of the real one."""

import math
import re
from datetime import datetime
from typing import Any

import pytest
import requests

from tests.emulator.studio import VERSION, Json, Service, Studio, census, details, token

UNKNOWN = "0" * 32


@pytest.fixture
def training(studio: Studio) -> Service:
    return studio.publish("training")


def _body(studio: Studio, name: str = "train.csv", data: str | bytes = "") -> Json:
    return {"Inputs": {"input1": studio.put(name, data or census(300))}}


def _submitted(studio: Studio, service: Service, body: object) -> requests.Response:
    return studio.data("POST", f"{service.api}/jobs{VERSION}", service.key, body)


def test_a_submit_is_answered_with_the_id_as_a_json_string(
    studio: Studio, training: Service
) -> None:
    answer = _submitted(studio, training, _body(studio))

    assert answer.status_code == 200
    assert re.fullmatch(r'"[0-9a-f]{32}"', answer.text)


def test_a_job_does_not_run_until_it_is_started(studio: Studio, training: Service) -> None:
    job = studio.submit(training.api, training.key, _body(studio))

    assert studio.poll(training.api, training.key, job) == {
        "StatusCode": "NotStarted",
        "Results": None,
        "Details": None,
    }


def test_a_finished_job_has_every_output_redirected_or_not(
    studio: Studio, training: Service
) -> None:
    body = _body(studio) | {"Outputs": {"output2": studio.place("eval.csv")}}

    status = studio.run(training.api, training.key, body)

    model, report = status["Results"]["output1"], status["Results"]["output2"]
    assert status["StatusCode"] == "Finished"
    assert status["Details"] is None
    assert re.fullmatch(r"experimentoutput/([0-9a-f-]{36})/\1\.ilearner", model["RelativeLocation"])
    assert report["RelativeLocation"] == f"{studio.container}/eval.csv"
    assert model["ConnectionString"] is report["ConnectionString"] is None
    assert model["BaseLocation"].endswith("/")
    assert len(studio.get(model)) > 1000
    header, row = studio.get(report).decode().splitlines()
    assert dict(zip(header.split(","), row.split(","), strict=True))["AUC"] > "0.9"


def test_a_sas_lasts_from_five_minutes_ago_for_24_hours_more(
    studio: Studio, training: Service
) -> None:
    body = _body(studio) | {"Outputs": {"output2": studio.place("eval.csv")}}

    results = studio.run(training.api, training.key, body)["Results"]

    for name, resource, rights in (("output1", "c", "rl"), ("output2", "b", "r")):
        said = token(results[name])
        start, end = (datetime.fromisoformat(said[part]).timestamp() for part in ("st", "se"))
        assert (said["sr"], said["sp"]) == (resource, rights)
        assert end - start == 24 * 3600 + 5 * 60
        assert math.isclose(start, studio.clock() - 300, abs_tol=60)


def test_a_container_sas_lists_and_a_blob_sas_does_not(studio: Studio, training: Service) -> None:
    body = _body(studio) | {"Outputs": {"output2": studio.place("eval.csv")}}
    results = studio.run(training.api, training.key, body)["Results"]

    def listed(result: Json) -> int:
        container = result["RelativeLocation"].split("/")[0]
        query = f"{result['SasBlobToken']}&restype=container&comp=list"
        return requests.get(result["BaseLocation"] + container + query, timeout=30).status_code

    assert listed(results["output1"]) == 200
    assert listed(results["output2"]) == 403


def test_every_get_has_a_fresh_sas(studio: Studio, training: Service) -> None:
    job = studio.submit(training.api, training.key, _body(studio))
    studio.start(training.api, training.key, job)
    first = studio.ended(training.api, training.key, job)["Results"]["output1"]

    studio.clock.ahead = 60.0
    second = studio.poll(training.api, training.key, job)["Results"]["output1"]

    assert token(second)["se"] > token(first)["se"]
    assert second["RelativeLocation"] == first["RelativeLocation"]


def test_starting_twice_is_refused_whether_it_runs_or_has_run(
    studio: Studio, training: Service
) -> None:
    job = studio.submit(training.api, training.key, _body(studio))
    assert studio.start(training.api, training.key, job).status_code == 200
    studio.ended(training.api, training.key, job)

    again = studio.start(training.api, training.key, job)

    assert details(again) == (400, "InvalidOperation", ["CannotStartJob"])
    assert "it is in Finished state" in again.text
    jobs = {seen["job_id"]: seen for seen in studio.control("GET", "jobs").json()}
    assert jobs[job]["started"] == 1


def test_a_cancelled_job_is_cancelled_and_cannot_be_started(
    studio: Studio, training: Service
) -> None:
    job = studio.submit(training.api, training.key, _body(studio))

    cancelled = studio.data("DELETE", f"{training.api}/jobs/{job}{VERSION}", training.key)

    assert cancelled.status_code == 200
    assert studio.poll(training.api, training.key, job)["StatusCode"] == "Cancelled"
    refused = studio.start(training.api, training.key, job)
    assert details(refused) == (400, "InvalidOperation", ["CannotStartJob"])


def test_a_running_job_that_is_cancelled_writes_nothing(studio: Studio, training: Service) -> None:
    body = _body(studio, data=census(30_000)) | {"Outputs": {"output2": studio.place("e.csv")}}
    job = studio.submit(training.api, training.key, body)
    studio.start(training.api, training.key, job)

    studio.data("DELETE", f"{training.api}/jobs/{job}{VERSION}", training.key)
    # The job after it ends after it: one worker could have written meanwhile.
    studio.run(training.api, training.key, _body(studio))
    studio.run(training.api, training.key, _body(studio, data=census(30_000)))

    assert studio.poll(training.api, training.key, job)["StatusCode"] == "Cancelled"
    assert not studio.blobs.get_blob_client(studio.container, "e.csv").exists()


def test_delete_of_a_finished_job_is_2xx_and_changes_nothing(
    studio: Studio, training: Service
) -> None:
    job = studio.submit(training.api, training.key, _body(studio))
    studio.start(training.api, training.key, job)
    studio.ended(training.api, training.key, job)

    deleted = studio.data("DELETE", f"{training.api}/jobs/{job}{VERSION}", training.key)

    assert deleted.status_code == 200
    assert studio.poll(training.api, training.key, job)["StatusCode"] == "Finished"


def test_the_older_form_with_one_input_is_taken(studio: Studio, training: Service) -> None:
    status = studio.run(training.api, training.key, {"Input": studio.put("train.csv", census(100))})

    assert status["StatusCode"] == "Finished"


def test_a_blob_may_be_named_by_its_sas(studio: Studio, training: Service) -> None:
    model = studio.train(census(100), output2=studio.place("again.csv"))["output2"]
    scoring = studio.publish("scoring", "Accuracy,income\n1,a\n2,b\n" * 10, label="income")

    refused = _submitted(studio, scoring, {"Inputs": {"input1": model}})

    assert refused.status_code == 200


def test_a_leading_slash_in_a_location_is_optional(studio: Studio, training: Service) -> None:
    blob = studio.put("train.csv", census(100))
    blob["RelativeLocation"] = "/" + blob["RelativeLocation"]

    assert studio.run(training.api, training.key, {"Input": blob})["StatusCode"] == "Finished"


def _spoilt(blob: Json, **change: str | None) -> dict[str, Any]:
    return {"Inputs": {"input1": {**blob, **change}}}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"RelativeLocation": "data/train"}, "InvalidBlobExtension"),
        ({"RelativeLocation": "data/train.ilearner"}, "InvalidBlobExtension"),
        ({"RelativeLocation": "data/nowhere.csv"}, "BlobNotFound"),
        ({"RelativeLocation": ""}, "InputBlobRelativeLocationInvalid"),
        ({"RelativeLocation": "train.csv"}, "InputBlobRelativeLocationInvalid"),
        ({"RelativeLocation": "//train.csv"}, "ContainerIsEmpty"),
        ({"RelativeLocation": "NO/train.csv"}, "ContainerSegmentInvalid"),
        ({"ConnectionString": "AccountName=x"}, "InvalidBlobConnectionString"),
        ({"ConnectionString": None}, "MissingInputBlobInformation"),
        ({"ConnectionString": None, "BaseLocation": "here"}, "InvalidBlob"),
    ],
)
def test_a_bad_blob_reference_is_a_documented_400(
    studio: Studio, training: Service, change: dict[str, str | None], code: str
) -> None:
    blob = studio.put("train.csv", census(10))

    answer = _submitted(studio, training, _spoilt(blob, **change))

    assert details(answer) == (400, "BadArgument", [code])
    assert "AccountKey" not in answer.text


def test_a_missing_extension_is_said_in_the_services_own_words(
    studio: Studio, training: Service
) -> None:
    blob = {**studio.put("x.csv", "a"), "RelativeLocation": "vishal/training/input"}

    answer = _submitted(studio, training, {"Inputs": {"input1": blob}})

    assert answer.json()["error"]["details"][0]["message"] == (
        "The blob reference: vishal/training/input has an invalid or missing file extension. "
        'Supported file extensions for this output type are: ".csv, .tsv, .arff".'
    )


def test_names_and_parameters_are_checked(studio: Studio, training: Service) -> None:
    blob, place = studio.put("train.csv", census(10)), studio.place("out.ilearner")
    asked: list[tuple[Json, str]] = [
        ({}, "BatchJobInputsNotSpecified"),
        ({"Inputs": {"Input1": blob}}, "InvalidInputNames"),
        ({"Inputs": {"input1": blob, "input2": blob}}, "BatchJobInputsTooManySpecified"),
        ({"Input": blob, "Inputs": {"input1": blob}}, "DuplicateInputInBatchCall"),
        ({"Input": blob, "Outputs": {"Output1": place}}, "InvalidOutputOverrideName"),
        ({"Input": blob, "Outputs": {"output1": None}}, "MissingOutputOverrideSpecification"),
        ({"Input": blob, "Outputs": {"output2": place}}, "InvalidBlobExtension"),
        ({"Input": blob, "GlobalParameters": {"seed": "1"}}, "UnexpectedParameter"),
    ]

    said = [details(_submitted(studio, training, body)) for body, _ in asked]

    assert said == [(400, "BadArgument", [code]) for _, code in asked]


def test_a_parameter_without_a_default_must_be_given(studio: Studio) -> None:
    service = studio.publish("training", parameters={"Path to container, directory or blob": None})
    body = _body(studio)

    refused = _submitted(studio, service, body)
    taken = _submitted(
        studio, service, body | {"GlobalParameters": {"Path to container, directory or blob": True}}
    )

    assert details(refused) == (400, "BadArgument", ["MissingRequiredGlobalParameters"])
    assert taken.status_code == 200


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"Inputs": "input1"}', b"\xff"])
def test_a_body_that_is_no_submission_is_refused(
    studio: Studio, training: Service, body: bytes
) -> None:
    headers = {"Authorization": f"Bearer {training.key}"}

    answer = requests.post(f"{training.api}/jobs{VERSION}", data=body, headers=headers, timeout=30)

    assert details(answer) == (400, "BadArgument", ["RequestBodyInvalid"])


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "DatasetIsEmpty"),
        (b"age,income\n", "TooFewRowsInDataset"),
        (b"age,income\n\xff,a\n", "InvalidDataset"),
        (b"age,hours\n1,2\n", "ColumnNotFound"),
        (b"age,income\n1,\n2,a\n", "LabelColumnHasMissingValues"),
    ],
)
def test_bad_data_makes_the_job_fail_with_an_account_in_the_services_form(
    studio: Studio, training: Service, data: bytes, code: str
) -> None:
    blob = studio.put("bad.csv", b"x")
    studio.blobs.get_blob_client(studio.container, "bad.csv").upload_blob(data, overwrite=True)

    status = studio.run(training.api, training.key, {"Inputs": {"input1": blob}})

    assert (status["StatusCode"], status["Results"]) == ("Failed", None)
    assert re.fullmatch(
        rf"{code}: .+, Error code: ModuleExecutionError, Http status code: 400, "
        r"Timestamp: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT",
        status["Details"],
    )


def test_an_unknown_job_is_404_and_no_job_id_is_400(studio: Studio, training: Service) -> None:
    unknown = studio.data("GET", f"{training.api}/jobs/{UNKNOWN}{VERSION}", training.key)
    listing = studio.data("GET", f"{training.api}/jobs{VERSION}", training.key)

    assert details(unknown) == (404, "NotFound", [])
    assert details(listing) == (400, "BadArgument", ["MissingJobId"])


def test_a_job_is_known_to_its_own_endpoint_only(studio: Studio, training: Service) -> None:
    job = studio.submit(training.api, training.key, _body(studio))
    other = studio.publish("training")

    answer = studio.data("GET", f"{other.api}/jobs/{job}{VERSION}", other.key)

    assert answer.status_code == 404


def test_scoring_passes_the_columns_through_and_adds_the_scores(studio: Studio) -> None:
    scoring = studio.publish("scoring")
    body = _body(studio, "rows.csv", census(50, seed=3))

    result = studio.run(scoring.api, scoring.key, body)["Results"]["output1"]

    lines = studio.get(result).decode().splitlines()
    assert lines[0] == "age,workclass,hours,income,Scored Labels,Scored Probabilities"
    assert len(lines) == 51


def test_scoring_without_a_column_that_the_model_needs_fails(studio: Studio) -> None:
    scoring = studio.publish("scoring")

    status = studio.run(scoring.api, scoring.key, _body(studio, "rows.csv", "age\n30\n"))

    assert status["StatusCode"] == "Failed"
    assert status["Details"].startswith('ColumnNotFound: Column with name "workclass", "hours"')


def test_tables_may_be_separated_by_tabs(studio: Studio, training: Service) -> None:
    body = _body(studio, "train.tsv", census(100).replace(",", "\t"))

    assert studio.run(training.api, training.key, body)["StatusCode"] == "Finished"


def test_the_outputs_have_the_names_that_the_author_gave_them(studio: Studio) -> None:
    service = studio.publish("training", input="data in", outputs=["trained model", "report"])
    body = {"Inputs": {"data in": studio.put("train.csv", census(100))}}

    status = studio.run(service.api, service.key, body)

    locations = {name: at["RelativeLocation"] for name, at in status["Results"].items()}
    assert locations["trained model"].endswith(".ilearner")
    assert locations["report"].endswith(".csv")
