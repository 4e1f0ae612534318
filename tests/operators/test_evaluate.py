"""What one `EvaluateModelOperator` promises, and of what it was handed, what it refuses."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from airflow.sdk import DAG

from airflow_aml_retrain.client.blobs import split_path
from airflow_aml_retrain.client.chain import Chain
from airflow_aml_retrain.client.champion import ChampionStore
from airflow_aml_retrain.demo.airflow import Home
from airflow_aml_retrain.gate.records.record import DecisionRecord
from airflow_aml_retrain.operators.evaluate import EvaluateModelOperator
from airflow_aml_retrain.operators.patch import PatchEndpointOperator
from airflow_aml_retrain.operators.score import ScoredData
from airflow_aml_retrain.wire.champion import ChampionRecord, Model
from tests.gate.holdouts import model
from tests.operators.desk import Desk
from tests.world import SCORING, TRAINING, World, answers, census_like

START = datetime(2026, 1, 1, tzinfo=UTC)
ROWS = [{"age": "60", "hours": "60", "sector": "private", "income": ">50K"}]


@pytest.fixture
def desk(world: World, container: str, airflow_home: Home) -> Iterator[Desk]:
    with Desk.laid(world, container) as desk:
        yield desk


def by_evaluation(desk: Desk, *, champion_evaluation: str | None = None, **policy: Any) -> DAG:
    job = desk.world.trained("good", census_like(300), desk.container)
    with desk.world.backend(TRAINING) as trainer:
        reference = trainer.reference(job)
    dag_id = f"evaluation_{desk.container}"
    place = {"records": f"{desk.container}/records", "archives": f"{desk.container}/archives"}
    where: dict[str, Any] = {"service": SCORING, "endpoint": desk.production, **place}
    with DAG(dag_id, schedule=None, start_date=START) as dag:
        evaluate = EvaluateModelOperator(
            task_id="evaluate",
            policy=policy,
            evaluation=reference,
            champion_evaluation=champion_evaluation,
            trainer_service=TRAINING,
            **where,
        )
        decided: Any = evaluate.output
        PatchEndpointOperator(
            task_id="promote", decision=decided["decision"], verify_timeout=5, **where
        )
    return dag


def test_a_job_s_own_evaluation_can_promote_by_absolute_bounds_unproven(desk: Desk) -> None:
    before = answers(desk.backend, ROWS)

    states = desk.run(
        by_evaluation(desk, checks=[{"metric": "auc", "at_least": 0.8, "mode": "point"}])
    )

    assert states == {"evaluate": "success", "promote": "success"}
    assert desk.xcom("promote")["proven"] is False
    assert answers(desk.backend, ROWS) != before


@pytest.mark.parametrize(
    ("rendered", "told"), [(None, "is not set"), ("{{ none }}", "came out as 'None'")]
)
def test_a_champion_whose_numbers_are_not_known_is_not_taken_for_none(
    desk: Desk, rendered: str | None, told: str
) -> None:
    bound = {"metric": "auc", "at_least": 0.6, "mode": "point"}
    compared = {"metric": "auc", "vs": "champion", "mode": "point"}

    states = desk.run(by_evaluation(desk, champion_evaluation=rendered, checks=[compared, bound]))

    assert states == {"evaluate": "failed", "promote": "upstream_failed"}
    decided = desk.xcom("evaluate")
    assert decided["verdict"] == "INVALID"
    assert f"champion_evaluation {told}; name an evaluation" in decided["headline"]
    chain = Chain(desk.world.store, f"{desk.container}/records", desk.backend.uri)
    assert [entry.verdict for entry in chain.read().entries] == ["INVALID"]


def anchored(
    desk: Desk, served: Mapping[str, str], *, champion: str, anchor: str, **policy: Any
) -> DAG:
    """The evaluation of who *served* what, where *champion* and *anchor* are on record."""
    record = ChampionRecord(
        endpoint=desk.backend.uri,
        champion=Model(location=champion),
        anchor=Model(location=anchor),
    )
    path = ChampionStore(desk.world.store, f"{desk.container}/records").path(desk.backend.uri)
    desk.world.store.write(*path, record.to_json())
    told: dict[str, Any] = {
        who: ScoredData(
            scored=f"{desk.container}/{who}.csv",
            job="",
            endpoint=desk.backend.uri,
            before=location,
            after=location,
        )
        for who, location in served.items()
    }
    candidate = {"location": served["challenger"], "archive": "", "sha256": ""}
    checks = [{"metric": "auc", "vs": "champion"}]
    with DAG(f"anchored_{desk.container}", schedule=None, start_date=START) as dag:
        EvaluateModelOperator(
            task_id="evaluate",
            policy={"data": {"label": "income"}, "checks": checks, **policy},
            candidate={"model": candidate},
            rows=f"{desk.container}/rows.csv",
            records=f"{desk.container}/records",
            **told,
        )
    return dag


def test_an_anchor_that_is_not_the_one_on_record_is_not_judged_against(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    served = {who: f"https://a/{who}" for who in ("champion", "challenger", "anchor")}

    states = desk.run(anchored(desk, served, champion="https://a/champion", anchor="https://a/old"))

    assert states == {"evaluate": "failed"}
    assert desk.xcom("evaluate")["verdict"] == "INVALID"
    chain = Chain(desk.world.store, f"{desk.container}/records", desk.backend.uri)
    assert [entry.verdict for entry in chain.read().entries] == ["INVALID"]
    assert desk.says(capsys, "the anchor's endpoint scored with .*/anchor, and .*/old")


def test_a_foreign_champion_is_not_all_that_a_challenger_is_compared_with(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    served = {"champion": "https://a/foreign", "challenger": "https://a/challenger"}

    states = desk.run(anchored(desk, served, champion="https://a/ours", anchor="https://a/ours"))

    assert states == {"evaluate": "failed"}
    assert desk.xcom("evaluate")["verdict"] == "INVALID"
    assert desk.says(
        capsys, "production serves .*/foreign, which was not promoted here, .*the anchor .*/ours"
    )


@pytest.mark.parametrize(
    ("served", "why"),
    [
        ("https://a/ours", "no endpoint of its own is kept for the anchor"),
        ("https://a/old", "the champion is the anchor itself"),
    ],
)
def test_why_the_anchor_was_not_compared_with_is_told_by_what_serves(
    desk: Desk, served: str, why: str
) -> None:
    written = judged(desk, {"champion": served, "challenger": "https://a/challenger"})

    assert [each["reason"] for each in written["checks"] if why in each["reason"]]


def judged(desk: Desk, served: Mapping[str, str]) -> Mapping[str, Any]:
    """What is written of a champion on record and a challenger that scored as it did."""
    lines = [f"{at % 2},{(at * 7 % 100) / 200 + at % 2 * 0.3:.3f}" for at in range(1000)]
    content = "\n".join(["income,Scored Probabilities", *lines]).encode()
    for name in ("champion", "challenger", "rows"):
        desk.world.store.write(desk.container, f"{name}.csv", content)
    desk.run(anchored(desk, served, champion="https://a/ours", anchor="https://a/old"))
    place = split_path(desk.xcom("evaluate")["decision"])
    return DecisionRecord.from_json(desk.world.store.read(*place)).body


@pytest.mark.parametrize(
    ("read_back", "told"),
    [
        ("https://a/new", "served the candidate before and after it scored"),
        ("", "could not be read, so nothing shows that it scored the rows with the candidate"),
    ],
)
def test_it_is_said_whether_staging_was_seen_with_the_candidate(
    desk: Desk, read_back: str, told: str
) -> None:
    written = judged(desk, {"champion": "https://a/ours", "challenger": read_back})

    (seen,) = [each for each in written["preconditions"] if each["name"] == "staging_seen"]
    assert (seen["passed"], seen["severity"]) == (bool(read_back), "warn")
    assert told in seen["reason"]


def landed(desk: Desk, who: str, scores: list[float]) -> ScoredData:
    """What *who* scored, every fourth row positive, as its task would hand it on."""
    lines = (f"{'>50K' if at % 4 == 0 else '<=50K'},{score}\n" for at, score in enumerate(scores))
    csv = "".join(("income,Scored Probabilities\n", *lines))
    desk.world.store.write(desk.container, f"{who}.csv", csv.encode())
    model = f"https://a.blob/{who}.ilearner"
    return ScoredData(
        scored=f"{desk.container}/{who}.csv",
        job="",
        endpoint=desk.backend.uri,
        before=model,
        after=model,
    )


def test_a_second_scoring_is_another_use_of_the_hold_out_and_a_retry_is_not(desk: Desk) -> None:
    champion, challenger = model(0.1), model(0.6)
    landed(desk, "challenger", challenger)
    rows = "".join(f"{at}\n" for at in range(len(champion)))
    desk.world.store.write(desk.container, "rows.csv", f"at\n{rows}".encode())
    with DAG(f"scored_anew_{desk.container}", schedule=None, start_date=START) as dag:
        EvaluateModelOperator(
            task_id="evaluate",
            policy={"data": {"label": "income"}, "checks": [{"metric": "auc", "vs": "champion"}]},
            champion=landed(desk, "champion", champion),
            challenger=landed(desk, "challenger", challenger),
            candidate={
                "model": {
                    "location": "https://a.blob/challenger.ilearner",
                    "archive": "",
                    "sha256": "",
                }
            },
            rows=f"{desk.container}/rows.csv",
            records=f"{desk.container}/records",
        )

    numbers = []
    for at in (0, 0, 1, 2):
        landed(desk, "champion", [0.5 * champion[0] if at == 1 else champion[0], *champion[1:]])
        landed(desk, "challenger", [*challenger[:-1], 0.5 if at == 2 else challenger[-1]])
        assert desk.run(dag) == {"evaluate": "success"}
        written = desk.world.store.read(*split_path(desk.xcom("evaluate")["decision"]))
        budget: Any = DecisionRecord.from_json(written).body["holdout_budget"]
        numbers.append(budget["use_number"])

    assert numbers == [1, 1, 2, 3]


@pytest.mark.parametrize(
    "candidate",
    [
        {"location": "https://a.blob/m.ilearner?sig=SECRET"},
        {"model": {"location": "https://a.blob/m?sig=SECRET", "archive": "", "sha256": ""}},
        {"model": {"location": "SECRET", "archive": "", "sha256": "", "sas": "SECRET"}},
        "SECRET",
    ],
)
def test_what_cannot_be_a_candidate_is_not_repeated(desk: Desk, candidate: Any) -> None:
    scored = ScoredData(scored="a/b", job="", endpoint=desk.backend.uri, before="", after="")
    with DAG(f"candidate_{desk.container}", schedule=None, start_date=START) as dag:
        EvaluateModelOperator(
            task_id="evaluate",
            policy={"data": {"label": "income"}, "checks": [{"metric": "auc", "vs": "champion"}]},
            champion=scored,
            challenger=scored,
            candidate=candidate,
            rows=f"{desk.container}/rows.csv",
            records=f"{desk.container}/records",
        )

    assert desk.run(dag) == {"evaluate": "failed"}
    decided = desk.xcom("evaluate")
    written = desk.world.store.read(*split_path(decided["decision"])).decode()
    assert decided["verdict"] == "INVALID"
    assert "candidate: " in decided["headline"]
    assert "SECRET" not in f"{decided}{written}"
