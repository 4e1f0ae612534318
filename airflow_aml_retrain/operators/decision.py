"""
What `EvaluateModelOperator` brings before the gate, and what it keeps of the decision.

Law: a fault of the data is a verdict (INVALID) and is written down like any other; a fault of
the service is not the gate's, and is left to the retries of the DAG.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from typing import TYPE_CHECKING

from airflow.sdk import timezone

from airflow_aml_retrain import __version__
from airflow_aml_retrain.errors import BadInput, GateError, NotConfigured
from airflow_aml_retrain.operators.run import folder_of, given, mapping

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_aml_retrain.client.backend import Backend
    from airflow_aml_retrain.client.blobs import BlobStore
    from airflow_aml_retrain.gate.decision import Decision
    from airflow_aml_retrain.gate.policy import Policy
    from airflow_aml_retrain.gate.record import DecisionRecord
    from airflow_aml_retrain.operators.evaluate import EvaluateModelOperator
    from airflow_aml_retrain.wire.champion import Model


@dataclass(slots=True)
class Case:
    """The decision, and the models as the record names them (empty where unknown)."""

    decision: "Decision"
    champion: dict[str, str] = field(default_factory=dict)
    challenger: dict[str, str] = field(default_factory=dict)


def decided(operator: "EvaluateModelOperator", context: "Context") -> tuple["DecisionRecord", str]:
    """Judge, write the record, and return it with its place."""
    from airflow_aml_retrain.client.blobs import split_path
    from airflow_aml_retrain.gate.decision import invalid
    from airflow_aml_retrain.gate.record import DecisionRecord
    from airflow_aml_retrain.hooks.storage import blob_store

    store, policy = blob_store(operator.wasb_conn_id), None
    try:
        policy = _policy(operator)
        case = _judged(operator, context, store, policy)
    except (GateError, BadInput, NotConfigured) as exc:
        case = Case(invalid(policy, str(exc)))
    record = DecisionRecord.of(
        case.decision,
        models={"champion": case.champion, "challenger": case.challenger},
        envelope=_envelope(context),
    )
    data = record.to_json()
    folder = f"{operator.records.strip('/')}/decisions/{folder_of(context)}"
    container, path = split_path(f"{folder}-{sha256(data).hexdigest()[:12]}.json")
    store.write(container, path, data)
    return record, f"{container}/{path}"


def _policy(operator: "EvaluateModelOperator") -> "Policy":
    from airflow_aml_retrain.gate.policy import Policy

    return Policy.parse(mapping("policy", operator.policy))


def _judged(
    operator: "EvaluateModelOperator", context: "Context", store: "BlobStore", policy: "Policy"
) -> Case:
    if given(operator.evaluation):
        return _by_evaluation(operator, context, store, policy)
    return _by_scored_rows(operator, context, store, policy)


def _by_scored_rows(
    operator: "EvaluateModelOperator", context: "Context", store: "BlobStore", policy: "Policy"
) -> Case:
    from airflow_aml_retrain.client.blobs import split_path
    from airflow_aml_retrain.client.evidence import keep_probes
    from airflow_aml_retrain.gate.decision import evaluate

    champion, challenger = _scored(operator, "champion"), _scored(operator, "challenger")
    model = _candidate(operator)
    _require_unchanged(champion, challenger, model)
    with (
        store.open(*split_path(champion["scored"])) as old,
        store.open(*split_path(challenger["scored"])) as new,
    ):
        decision = evaluate(old, new, policy)
    # The gate counts rows as a person does, from 1.
    numbers = [number - 1 for number in decision.telling_rows]
    if numbers and not operator.rows:
        msg = "rows: set it to what both models scored, so that a promotion can be proven"
        raise NotConfigured(msg)
    probes = {
        name: keep_probes(
            store, operator.records, rows=operator.rows or "", scored=scored, numbers=numbers
        )
        for name, scored in (("old", champion["scored"]), ("new", challenger["scored"]))
    }
    return Case(
        decision,
        {
            "endpoint": champion["endpoint"],
            "location": champion["after"],
            "probes": probes["old"],
        },
        _dated(operator, context, replace(model, probes=probes["new"])),
    )


def _by_evaluation(
    operator: "EvaluateModelOperator", context: "Context", store: "BlobStore", policy: "Policy"
) -> Case:
    from airflow_aml_retrain.client.archive import Archive
    from airflow_aml_retrain.client.blobs import open_foreign, split_path
    from airflow_aml_retrain.client.scoring import choose_table
    from airflow_aml_retrain.gate.decision import evaluate_report
    from airflow_aml_retrain.hooks.retrain import backend_for

    trainer = backend_for(operator.conn_id, operator.trainer_service, operator.trainer_endpoint)
    job = trainer.job(operator.evaluation or "")
    outputs = trainer.run(trainer.verbs.outputs(job))
    earlier = given(operator.champion_evaluation)
    table = choose_table(outputs, operator.evaluation_output)
    if earlier:
        with store.open(*split_path(earlier)) as old, open_foreign(table) as new:
            decision = evaluate_report(old, new, policy)
    else:
        with open_foreign(table) as new:
            decision = evaluate_report(None, new, policy)
    backend = backend_for(operator.conn_id, operator.service, operator.endpoint)
    model = Archive(store, operator.archives).of_job(trainer, job)
    champion = {"endpoint": backend.uri, "location": _location(backend), "probes": ""}
    return Case(decision, champion, _dated(operator, context, model))


def _candidate(operator: "EvaluateModelOperator") -> "Model":
    from airflow_aml_retrain.wire.champion import Model

    match mapping("candidate", operator.candidate):
        case {"model": {"location": str(), "archive": str(), "sha256": str()} as said}:
            return Model(**said)
        case other:
            msg = f"candidate: expected what the staging task returned, got {other!r}"
            raise NotConfigured(msg)


def _scored(operator: "EvaluateModelOperator", who: str) -> Mapping[str, str]:
    match mapping(who, getattr(operator, who)):
        case {
            "scored": str(),
            "endpoint": str(),
            "before": str(),
            "after": str(),
        } as scored:
            return scored
        case other:
            msg = f"{who}: expected what ScoreBatchOperator returned, got {other!r}"
            raise NotConfigured(msg)


def _require_unchanged(
    champion: Mapping[str, str], challenger: Mapping[str, str], model: "Model"
) -> None:
    """`GateError` if either endpoint changed its model while it was judged."""
    for who, scored in (("champion", champion), ("challenger", challenger)):
        if scored["before"] != scored["after"]:
            msg = (
                f"the {who}'s endpoint changed its model while the rows were scored, from "
                f"{scored['before']} to {scored['after']}; run it again"
            )
            raise GateError(msg)
    if challenger["after"] and model.location not in challenger["after"].splitlines():
        msg = (
            f"the staging endpoint scored with {challenger['after']}, not with the candidate "
            f"{model.location}; somebody else used it; run it again"
        )
        raise GateError(msg)


def _dated(operator: "EvaluateModelOperator", context: "Context", model: "Model") -> dict[str, str]:
    """*model* with what decides which of two is the older."""
    run_after = context["dag_run"].run_after.isoformat()
    cutoff = given(operator.data_cutoff) or run_after
    return asdict(replace(model, data_cutoff=cutoff, run_after=run_after))


def _location(backend: "Backend") -> str:
    serving = backend.run(backend.verbs.serving())
    return "\n".join(sorted(model.location for model in serving.models.values()))


def _envelope(context: "Context") -> dict[str, object]:
    task = context["ti"]
    return {
        "decided_at": timezone.utcnow().isoformat(),
        "package_version": __version__,
        "dag_id": task.dag_id,
        "run_id": task.run_id,
        "task_id": task.task_id,
        "map_index": task.map_index,
        "try_number": task.try_number,
    }
