"""
What `EvaluateModelOperator` keeps of a decision: the record, its place in the chain, the report.

Law: a fault of the data is a verdict (INVALID) and is written down like any other; a fault of
the service is not the gate's, and is left to the retries of the DAG. The record is written, and
bound to those before it, before anything can be promoted by it.
"""

from contextlib import suppress
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from airflow.sdk import timezone

from airflow_aml_retrain import __version__
from airflow_aml_retrain.errors import BadInput, GateError, NotConfigured
from airflow_aml_retrain.operators.run import doer_of, folder_of, mapping

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_aml_retrain.client.blobs import BlobStore
    from airflow_aml_retrain.gate.decision import Decision
    from airflow_aml_retrain.gate.policy import Policy
    from airflow_aml_retrain.gate.records.chain import Summary
    from airflow_aml_retrain.gate.records.record import DecisionRecord
    from airflow_aml_retrain.operators.evaluate import EvaluateModelOperator

_MARK: Final = 12
"""Characters of a hash in the name of a record."""


def decided(operator: "EvaluateModelOperator", context: "Context") -> tuple["DecisionRecord", str]:
    """Judge, write record and report, and return the record with its place."""
    from airflow_aml_retrain.gate.decision import invalid
    from airflow_aml_retrain.gate.records.body import body
    from airflow_aml_retrain.gate.records.record import DecisionRecord
    from airflow_aml_retrain.hooks.storage import blob_store
    from airflow_aml_retrain.operators.evidence import Case, judged

    store, policy = blob_store(operator.wasb_conn_id), None
    try:
        policy = _policy(operator)
        case = judged(operator, context, store, policy)
    except (GateError, BadInput, NotConfigured) as exc:
        case = Case(invalid(policy, str(exc)))
    record = DecisionRecord(body(case.decision, case.models), envelope_of(context))
    endpoint = case.models.get("champion", {}).get("endpoint", "") or _asked_about(operator)
    return kept(
        store,
        operator.records,
        record,
        endpoint=endpoint,
        key=doer_of(context),
        folder=folder_of(context),
        summary=_summary(case.decision),
    )


def kept(
    store: "BlobStore",
    records: str,
    record: "DecisionRecord",
    *,
    endpoint: str,
    key: str,
    folder: str,
    summary: "Summary",
) -> tuple["DecisionRecord", str]:
    """
    Write *record* and its report, and return the record as it lies there and "container/path".

    *endpoint* (an asset URI) is whose chain it enters; one that names none enters no chain.
    """
    from airflow_aml_retrain.client.chain import Chain

    def place_for(mark: str) -> str:
        return f"{records.strip('/')}/decisions/{folder}-{mark[:_MARK]}.json"

    if endpoint:
        entry, record = Chain(store, records, endpoint).append(
            record,
            key=key,
            place_for=place_for,
            decided_at=str(record.envelope["decided_at"]),
            summary=summary,
        )
        place = entry.place
    else:
        place = place_for(sha256(record.to_json()).hexdigest())
        _write(store, place, record.to_json(), "application/json")
    _write(store, report_of(place), _report(record), "text/html; charset=utf-8")
    return record, place


def report_of(place: str) -> str:
    """Where the report of the record at *place* lies."""
    return f"{place.removesuffix('.json')}.html"


def envelope_of(context: "Context") -> dict[str, object]:
    """When, where and by which code it is decided."""
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


def _policy(operator: "EvaluateModelOperator") -> "Policy":
    from airflow_aml_retrain.gate.policy import Policy

    if isinstance(operator.policy, str):
        return Policy.load(operator.policy)
    return Policy.parse(operator.policy)


def _asked_about(operator: "EvaluateModelOperator") -> str:
    """The endpoint of a decision that came to nothing, so that its chain has that as well."""
    with suppress(NotConfigured):
        match mapping("champion", operator.champion):
            case {"endpoint": str(endpoint)}:
                return endpoint
    return ""


def _summary(decision: "Decision") -> "Summary":
    """The policy's first metric of the challenger, with its interval, for the history."""
    from airflow_aml_retrain.gate.estimates import Against
    from airflow_aml_retrain.gate.records.chain import Summary
    from airflow_aml_retrain.gate.statistics.intervals import interval

    if not decision.policy or not decision.scores or not decision.use or not decision.judgement:
        return Summary()
    metric = decision.policy.checks[0].metric
    estimate = decision.scores.estimate(metric, Against.NOBODY)
    low, high = interval(estimate, decision.use.alpha)
    return Summary(metric, float(estimate.challenger), float(low), float(high))


def _report(record: "DecisionRecord") -> bytes:
    from airflow_aml_retrain.gate.report.page import render

    return render(record.body, record.envelope).encode()


def _write(store: "BlobStore", place: str, data: bytes, kind: str) -> None:
    from airflow_aml_retrain.client.blobs import split_path

    store.write(*split_path(place), data, content_type=kind)
