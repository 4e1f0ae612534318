"""What submitting and waiting promise over retries, clears and failures."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from airflow.sdk import DAG

from airflow_aml_retrain.demo.airflow import Home
from airflow_aml_retrain.operators.submit import SubmitBatchRetrainOperator
from airflow_aml_retrain.sensors.job import WaitForJobSensor
from tests.operators.desk import Desk
from tests.world import TRAINING, World, census_like


@pytest.fixture
def desk(world: World, container: str, airflow_home: Home) -> Iterator[Desk]:
    with Desk.laid(world, container) as desk:
        yield desk
    world.emulator.control.clear_faults()


def submission(desk: Desk, *, wait: bool = True, **changes: Any) -> DAG:
    dag_id, start = f"submit_{desk.container}", datetime(2026, 1, 1, tzinfo=UTC)
    again = {"retries": 1, "retry_delay": timedelta(0)}
    with DAG(dag_id, schedule=None, start_date=start, default_args=again) as dag:
        submit = SubmitBatchRetrainOperator(
            task_id="submit",
            **{
                "service": TRAINING,
                "inputs": {"input1": f"{desk.container}/landing/train.csv"},
                **changes,
            },
        )
        if wait:
            job: Any = submit.output
            WaitForJobSensor(task_id="wait", job=job, service=TRAINING, poll_interval=0.1)
    return dag


def started(desk: Desk, since: int) -> list[int]:
    """How often each job that was made after the first *since* was started."""
    return [job["started"] for job in desk.world.emulator.control.jobs()[since:]]


def test_a_retry_starts_the_job_that_it_had_created_and_no_other(desk: Desk) -> None:
    desk.land("train.csv", census_like(80))
    since = len(desk.world.emulator.control.jobs())
    refusal = {"status": 400, "code": "InvalidOperation", "message": "not now"}
    desk.world.emulator.control.fail_next(refusal, plane="jobs", path="/start")

    states = desk.run(submission(desk))

    assert states == {"submit": "success", "wait": "success"}
    assert started(desk, since) == [1]
    assert desk.xcom("wait") == desk.xcom("submit")


def test_a_job_that_fails_fails_the_wait_at_once_with_the_service_s_account(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.land("train.csv", census_like(80))
    desk.world.emulator.control.fail_next({"fail_job": "the R script went up in smoke"})

    states = desk.run(submission(desk))

    assert states == {"submit": "success", "wait": "failed"}
    assert "up in smoke" in desk.told(capsys)


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown service": ({"service": "Cansus"}, "Cansus.*Census training"),
    "an unknown input": ({"inputs": {"input9": "{c}/landing/train.csv"}}, "InvalidInputNames"),
    "no extension": ({"inputs": {"input1": "{c}/landing/train"}}, "InvalidBlobExtension"),
    "no such blob": ({"inputs": {"input1": "{c}/landing/none.csv"}}, "BlobNotFound"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_the_service_cannot_take_fails_with_its_own_words(
    desk: Desk, capsys: pytest.CaptureFixture[str], case: str
) -> None:
    changes, message = BAD[case]
    desk.land("train.csv", census_like(80))
    desk.land("train", census_like(80))
    inputs = changes.get("inputs", {"input1": "{c}/landing/train.csv"})
    placed = {name: place.format(c=desk.container) for name, place in dict(inputs).items()}

    states = desk.run(submission(desk, wait=False, **{**changes, "inputs": placed}))

    assert states == {"submit": "failed"}
    assert desk.says(capsys, message)


TRAINED_ON = {
    "nothing": (b"", "empty"),
    "bytes that are not UTF-8": (b"age,hours,sector,income\n\xff\xfe,1,a,b\n", "UTF-8"),
    "no label column": (b"age,hours,sector\n1,2,private\n", "income"),
}


@pytest.mark.parametrize("case", TRAINED_ON)
def test_data_that_cannot_be_learnt_from_fails_the_job_and_says_why(
    desk: Desk, capsys: pytest.CaptureFixture[str], case: str
) -> None:
    data, message = TRAINED_ON[case]
    desk.world.store.write(desk.container, "landing/train.csv", data)

    states = desk.run(submission(desk))

    assert states["wait"] in {"failed", "upstream_failed"}
    assert desk.says(capsys, message)


def test_a_wrong_key_says_which_connection_to_mend(
    desk: Desk, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_AML_STUDIO_DEFAULT", desk.connection(password="wrong"))

    states = desk.run(submission(desk, wait=False))

    assert states == {"submit": "failed"}
    assert desk.says(capsys, "401.*Unauthorized")
