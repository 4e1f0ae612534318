"""
The journeys of many models: one mapped group each, and a summary of what became of all.

Every model has endpoints of its own, for staging and for the anchor too. A shared staging endpoint
would have to be leased from *stage* to the last score, so that the models were judged one after
the other; an endpoint costs nothing while it is not called, and a service can have thousands.
"""

from collections.abc import Callable
from typing import Any

from airflow.sdk import TriggerRule, XComArg, task, task_group

from airflow_aml_retrain.journeys.outcomes import note_failure, summarise
from airflow_aml_retrain.journeys.retrain import retrain_and_promote
from airflow_aml_retrain.journeys.table import read_models
from airflow_aml_retrain.operators.create import CreateEndpointOperator


def retrain_many_and_promote(
    *,
    table: str,
    service: str,
    max_active_jobs: int = 40,
    fail_when: str = "all",
    conn_id: str = "aml_studio_default",
    wasb_conn_id: str = "wasb_default",
    group_id: str = "models",
    **journey: Any,
) -> XComArg:
    """
    Retrain each model of a table, and let it into service only if it is shown to be better.

    *table* ("container/path" of a CSV blob, or the name of an Airflow Variable) says which models
    there are: see `read_models`. Each is an endpoint of the scoring web service *service*, which
    is made where it is missing; so are its "-staging" and its "-anchor". *journey* is what the
    journeys have in common: see `retrain_and_promote`. One model that fails stops no other, nor
    does one whose row is wrong. No more than *max_active_jobs* train at a time, over all runs of
    the DAG; the service itself runs 40 batch jobs of an endpoint at a time.

    Returns the task *summary*, whose result says for every model "promoted", "kept" or "failed",
    and why. It fails where all failed, or, as *fail_when* says, where "any" did, or "never". Two
    tables in one DAG need a *group_id* of their own and *prefix_group_id*.
    """
    connected: dict[str, Any] = {"conn_id": conn_id, "wasb_conn_id": wasb_conn_id}
    prefix = f"{group_id}_" if journey.get("prefix_group_id") else ""
    tasks: dict[str, str] = {}

    @task_group(group_id=group_id)
    def model(
        endpoint: str,
        staging_endpoint: str,
        anchor_endpoint: str,
        source: str,
        holdout_source: str | None,
    ) -> None:
        names = {"endpoint": endpoint, "staging": staging_endpoint, "anchor": anchor_endpoint}
        made = [
            CreateEndpointOperator(
                task_id=f"create_{what}", service=service, endpoint=name, conn_id=conn_id
            )
            for what, name in names.items()
        ]
        group = retrain_and_promote(
            service=service,
            endpoint=endpoint,
            staging_endpoint=staging_endpoint,
            anchor_endpoint=anchor_endpoint,
            source=source,
            holdout_source=holdout_source,
            max_active_jobs=max_active_jobs,
            learner=endpoint,
            **connected,
            **journey,
        )
        made >> group
        tasks.update((each.task_id.rpartition(".")[2], each.task_id) for each in group.iter_tasks())
        for each in (*made, *group.iter_tasks()):
            told = each.on_failure_callback  # type: ignore[attr-defined] # of all that run
            each.on_failure_callback = [*told, note_failure]  # type: ignore[attr-defined] # so

    models = _as_task(f"{prefix}table", read_models)(table, wasb_conn_id)
    group = model.expand_kwargs(models)
    tasks["table"] = models.operator.task_id
    summary = _as_task(f"{prefix}summary", summarise, trigger_rule=TriggerRule.ALL_DONE, retries=0)
    told: XComArg = summary(models, tasks=tasks, fail_when=fail_when)
    group >> told
    return told


def _as_task(task_id: str, function: Callable[..., Any], **settings: Any) -> Any:
    return task(task_id=task_id, **settings)(function)
