"""The sample bodies are bodies, and a body does not depend on the order of the rows."""

import json
from collections.abc import Mapping
from importlib.resources import files
from io import BytesIO
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # it has no types

from airflow_aml_retrain.gate.decision import evaluate
from airflow_aml_retrain.gate.policy import Policy
from airflow_aml_retrain.gate.records.body import body
from tests.gate.bodies import BODIES
from tests.gate.simulated import Body

SCHEMA: Mapping[str, Mapping[str, Mapping[str, object]]] = json.loads(
    files("airflow_aml_retrain.gate.records").joinpath("decision_schema.json").read_text("utf-8")
)


@pytest.mark.parametrize("name", BODIES)
def test_a_sample_body_is_what_the_schema_of_records_says(name: str) -> None:
    validator = Draft202012Validator({**SCHEMA["$defs"]["body"], "$defs": SCHEMA["$defs"]})

    assert [error.message for error in validator.iter_errors(BODIES[name]())] == []


def test_every_verdict_and_every_kind_of_model_is_among_them() -> None:
    bodies: list[Body] = [make() for make in BODIES.values()]

    assert {each["verdict"] for each in bodies} == {"PROMOTE", "REJECT", "INCONCLUSIVE", "INVALID"}
    tasks = {each["data"]["task"] for each in bodies if each["data"]}
    assert tasks == {"binary", "regression", "multiclass"}


ROWS = 2500
CHECKS = {
    "binary": ("log_loss", "auc", "recall", "f1"),
    "multiclass": ("log_loss", "auc", "macro_recall", "macro_f1"),
    "regression": ("mae", "rmse", "rae", "r2"),
}


def files_of(kind: str) -> tuple[pa.Table, pa.Table]:
    """Champion's and challenger's scores of hold-outs with ids, customers and regions."""
    random = np.random.default_rng(11)
    customer = random.integers(0, 400, ROWS)
    skill, old, new = (
        random.standard_normal((3, ROWS)) + 0.5 * random.standard_normal(400)[customer]
    )
    marks = {
        "id": [f"r{at}" for at in range(ROWS)],
        "customer": [f"c{number}" for number in customer],
        "region": random.choice(["north", "south", "east"], ROWS).tolist(),
    }

    def scored(noise: Any) -> pa.Table:
        shown = skill + 0.6 * noise
        match kind:
            case "regression":
                given = {"y": 100.0 * skill, "Scored Labels": 100.0 * shown}
            case "binary":
                given = {"y": skill > 0.7, "Scored Probabilities": 1 / (1 + np.exp(-shown))}
                given["y"] = np.where(given["y"], "yes", "no")
            case _:
                raised = np.exp([shown, -shown, 0.1 * shown])
                shares = dict(zip("abc", raised / raised.sum(axis=0), strict=True))
                given = {f"Scored Probabilities_{name}": share for name, share in shares.items()}
                given["y"] = np.array(list("bca"))[np.digitize(skill, [-0.5, 0.5])]
        return pa.table(marks | {name: pa.array(values) for name, values in given.items()})

    return scored(old), scored(new)


def body_of_files(kind: str, order: Any) -> dict[str, Any]:
    sources = {}
    for model, table in zip(("champion", "challenger"), files_of(kind), strict=True):
        sources[model] = BytesIO()
        pq.write_table(table.take(pa.array(order)), sources[model])
        sources[model].seek(0)
    rules = {
        "data": {"label": "y", "id": "id", "cluster_key": "customer", "task": kind},
        "checks": [{"metric": metric, "vs": "champion"} for metric in CHECKS[kind]],
        "slices": {"columns": ["region"], "metrics": list(CHECKS[kind][:2]), "min_rows": 100},
        "preconditions": {"min_rows": 100, "min_positives": 10},
    }
    return body(evaluate(sources, Policy.parse(rules)), {})


@pytest.mark.parametrize("kind", CHECKS)
def test_rows_in_another_order_give_the_same_body_but_for_what_counts_rows(kind: str) -> None:
    straight = body_of_files(kind, np.arange(ROWS))
    random = np.random.default_rng(12)

    for _ in range(3):
        mixed = body_of_files(kind, random.permutation(ROWS))
        for each in (straight, mixed):
            # The hashes are of the scores in their order, and rows are told by their numbers.
            each["data"].pop("score_sha256", None)
            each.pop("telling_rows", None)
        assert straight["checks"]
        assert straight["slices"]
        for part, value in straight.items():
            assert mixed[part] == value, part
