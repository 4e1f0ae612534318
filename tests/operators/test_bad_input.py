"""Bad input to the whole journey: said plainly, nothing promoted, the endpoint serves on."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from airflow.sdk import DAG, task

from airflow_aml_retrain.client.claims import Claims
from airflow_aml_retrain.demo.airflow import Home
from airflow_aml_retrain.wire.blobs import choose_model
from tests.operators.desk import Desk
from tests.operators.journey import ROWS, journey
from tests.world import TRAINING, World, answers, census_like

GOOD = census_like(80)


@pytest.fixture
def desk(world: World, container: str, airflow_home: Home) -> Iterator[Desk]:
    with Desk.laid(world, container) as desk:
        yield desk


@dataclass
class Failure:
    """Which task of a journey failed, what was logged, and whether the endpoint noticed."""

    failed: list[str]
    told: str
    promote: str
    run: str
    serves_on: bool


def ended(desk: Desk, capsys: pytest.CaptureFixture[str], dag: DAG) -> Failure:
    before = answers(desk.backend, ROWS)
    states = desk.run(dag)
    return Failure(
        [name for name, state in states.items() if state == "failed"],
        desk.told(capsys),
        states["promote"],
        str(desk.runs[-1].state),
        answers(desk.backend, ROWS) == before,
    )


LANDED: dict[str, tuple[bytes, str]] = {
    "other columns than the blob before": (
        b"age,wealth,sector,income\n30,40,private,<=50K\n",
        "other.csv has other columns: missing ['hours'], extra ['wealth']",
    ),
    "missing labels": (
        b"age,hours,sector,income\n30,40,private,<=50K\n31,41,public,\n32,42,self, \n",
        "other.csv has 2 rows without a label in 'income': rows 2, 3",
    ),
    "bytes that are not UTF-8": (
        b"age,hours,sector,income\n30,40,priv\xe9,<=50K\n",
        "other.csv is not UTF-8: byte 0xe9 at position 34",
    ),
    "0 bytes": (b"", "other.csv is empty: expected at least a row of column names"),
}


@pytest.mark.parametrize("case", LANDED)
def test_data_that_cannot_be_learnt_from_ends_at_prepare(
    desk: Desk, capsys: pytest.CaptureFixture[str], case: str
) -> None:
    data, message = LANDED[case]
    desk.land("first.csv", GOOD)
    desk.world.store.write(desk.container, "landing/other.csv", data)

    failure = ended(desk, capsys, journey(desk))

    assert message in failure.told
    assert (failure.failed, failure.run) == (["prepare"], "failed")
    assert (failure.promote, failure.serves_on) == ("upstream_failed", True)


NAMED: dict[str, tuple[dict[str, Any], str, str]] = {
    "an unknown training service": (
        {"training_service": "Cansus"},
        "submit",
        "no web service named 'Cansus'; the existing ones are: 'Census training', 'Census'",
    ),
    "an unknown input": ({"training_input": "input9"}, "submit", "InvalidInputNames"),
    "an unknown scoring service": (
        {"service": "Cansus"},
        "stage",
        "no web service named 'Cansus'; the existing ones are: 'Census training', 'Census'",
    ),
}


@pytest.mark.parametrize("case", NAMED)
def test_a_name_that_the_service_does_not_know_ends_where_it_is_used(
    desk: Desk, capsys: pytest.CaptureFixture[str], case: str
) -> None:
    changes, at, message = NAMED[case]
    desk.land("first.csv", GOOD)

    failure = ended(desk, capsys, journey(desk, **changes))

    assert message in failure.told
    assert at in failure.failed
    assert (failure.promote, failure.serves_on) == ("upstream_failed", True)


def test_a_wrong_token_ends_at_the_first_question(
    desk: Desk, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_AML_STUDIO_DEFAULT", desk.connection(password="wrong"))
    desk.land("first.csv", GOOD)

    failure = ended(desk, capsys, journey(desk))

    assert "401: Unauthorized" in failure.told
    assert "submit" in failure.failed
    assert (failure.promote, failure.serves_on) == ("upstream_failed", True)


SPOILED: dict[str, tuple[bytes, str]] = {
    "0 bytes": (b"", "the model is empty (0 bytes at "),
    "bytes that are no model": (b"PK\x03\x04 and no more", "[UpdateWebServiceResourceFailed: "),
}


@pytest.mark.parametrize("case", SPOILED)
def test_a_job_s_output_that_is_no_model_ends_at_stage_which_is_free_again(
    desk: Desk, capsys: pytest.CaptureFixture[str], case: str
) -> None:
    data, message = SPOILED[case]
    desk.land("first.csv", GOOD)
    dag = journey(desk)
    spoiled_before_stage(desk, dag, data)

    failure = ended(desk, capsys, dag)

    assert message in failure.told
    assert (failure.failed, failure.run) == (["stage"], "failed")
    assert (failure.promote, failure.serves_on) == ("upstream_failed", True)
    claim_staging(desk)


def spoiled_before_stage(desk: Desk, dag: DAG, data: bytes) -> None:
    """Let *data* take the place of the trained model in the service's own storage."""

    @task(dag=dag)
    def spoil(reference: str) -> None:
        with desk.world.backend(TRAINING) as trainer:
            job = trainer.job(reference)
            model = choose_model(trainer.run(trainer.verbs.outputs(job)))
        container, _, name = model.relative.partition("/")
        assert container == "experimentoutput"
        desk.world.store.write(container, name, data)

    waited: Any = dag.get_task("wait")
    spoil(waited.output) >> dag.get_task("stage")


def claim_staging(desk: Desk) -> None:
    """Take what the failed run must have given back; `LeaseHeld` if it has not."""
    claims = Claims(desk.world.store, f"{desk.container}/records")
    with desk.world.backend(endpoint=desk.staging) as staging:
        claims.take(staging.uri, holder="another run", now=0.0, seconds=60.0)
