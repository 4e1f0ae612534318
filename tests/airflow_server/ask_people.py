"""
# Decisions that were made by hand, each on its way into service.

A mapped task group: what *decide* is told, a person approves where the policy wants it, and
*promote* promotes.
"""

from datetime import UTC, datetime
from typing import Any

from airflow.sdk import DAG, Param, get_current_context, task, task_group

from airflow_aml_retrain.operators.approve import ApproveDecisionOperator
from airflow_aml_retrain.operators.patch import PatchEndpointOperator

STORAGE = "ask_people_wasb"
WHERE: dict[str, Any] = {
    "service": "Census",
    "records": "{{ params.container }}/records",
    "conn_id": "ask_people_studio",
    "wasb_conn_id": STORAGE,
}

with DAG(
    "ask_people",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    params={"cases": Param([], type="array"), "container": Param("", type="string")},
):

    @task
    def cases() -> list[dict[str, str]]:
        """For each an *endpoint*, and the *record* of a decision about it."""
        return list(get_current_context()["params"]["cases"])

    @task
    def decide(record: str) -> str:
        """Keep the decision as the gate does, and return where."""
        from airflow_aml_retrain.gate.records.chain import Summary
        from airflow_aml_retrain.gate.records.record import DecisionRecord
        from airflow_aml_retrain.hooks.storage import blob_store
        from airflow_aml_retrain.links.task import show_report
        from airflow_aml_retrain.operators.decision import kept, report_of
        from airflow_aml_retrain.operators.run import doer_of, folder_of

        context = get_current_context()
        _, place = kept(
            blob_store(STORAGE),
            f"{context['params']['container']}/records",
            DecisionRecord.from_json(record.encode()),
            endpoint="",
            key=doer_of(context),
            folder=folder_of(context),
            summary=Summary(),
        )
        show_report(context, report_of(place), wasb_conn_id=STORAGE)
        return place

    @task_group
    def case(endpoint: str, record: str) -> None:
        decision: Any = decide(record)
        approve = ApproveDecisionOperator(
            task_id="approve", decision=decision, endpoint=endpoint, **WHERE
        )
        approved: Any = approve.output
        PatchEndpointOperator(
            task_id="promote",
            decision=approved["decision"],
            endpoint=endpoint,
            archives="{{ params.container }}",
            verify_timeout=30,
            poll_interval=0.2,
            **WHERE,
        )

    case.expand_kwargs(cases())
