"""
The journey of one model, as one function: prepared, trained, staged, scored, judged, promoted.

The staging endpoint is claimed from *stage* to the last score; *release* gives it back whatever
becomes of the run.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from airflow.sdk import Asset, BaseOperator, TaskGroup

from airflow_aml_retrain.errors import NotConfigured
from airflow_aml_retrain.operators.evaluate import EvaluateModelOperator
from airflow_aml_retrain.operators.patch import PatchEndpointOperator
from airflow_aml_retrain.operators.prepare import PrepareDataOperator
from airflow_aml_retrain.operators.release import ReleaseStagingOperator
from airflow_aml_retrain.operators.score import ScoreBatchOperator
from airflow_aml_retrain.operators.submit import SubmitBatchRetrainOperator
from airflow_aml_retrain.sensors.job import WaitForJobSensor


def endpoint_asset(
    service: str, endpoint: str = "production", conn_id: str = "aml_studio_default"
) -> Asset:
    """The endpoint as an asset: a promotion is an event of it, for other DAGs to run on."""
    place = "/".join(quote(part, safe="") for part in (conn_id, service, endpoint))
    return Asset(name=f"{service} ({endpoint})", uri=f"azureml-endpoint://{place}")


def retrain_and_promote(
    *,
    source: str,
    training_service: str,
    service: str,
    policy: Mapping[str, Any] | str,
    endpoint: str = "production",
    staging_endpoint: str = "staging",
    data_cutoff: str | None = None,
    date_pattern: str | None = None,
    label: str | None = None,
    holdout_fraction: float | None = None,
    holdout_key: str | Sequence[str] | None = None,
    holdout_source: str | None = None,
    training_input: str = "input1",
    parameters: Mapping[str, str] | None = None,
    dry_run: bool | str = False,
    storage: str = "aml-retrain",
    conn_id: str = "aml_studio_default",
    wasb_conn_id: str = "wasb_default",
    poll_interval: float = 10.0,
    training_timeout: float = 24 * 60 * 60.0,
    propagation: float = 60.0,
    verify_timeout: float = 600.0,
    group_id: str = "retrain_and_promote",
    prefix_group_id: bool = False,
) -> TaskGroup:
    """
    Retrain a model and let it into service only if it is shown to be better.

    Returns a task group with the tasks prepare, submit, wait, stage, score_champion,
    score_challenger, release, evaluate and promote. REJECT and INCONCLUSIVE leave the run
    green and *promote* skipped; INVALID fails *evaluate* at once.

    *source* ("container/prefix") holds the CSV blobs to learn from, up to *data_cutoff*
    (default: when the run was due); *holdout_fraction*, *holdout_key* or *holdout_source* set the
    hold-out apart, and *label* must have a value in every row: see `PrepareDataOperator`.
    *training_service* trains, *service* scores: its *endpoint* is what users call, its
    *staging_endpoint* serves nobody. *policy* is the gate's: see `EvaluateModelOperator`.
    *storage* ("container" or "container/prefix") takes data, archives and records. Times are
    seconds. Template fields of the operators may be templates here. Two journeys in one DAG need
    a *group_id* of their own and *prefix_group_id*.
    """
    if endpoint.casefold() == staging_endpoint.casefold():
        msg = f"endpoint and staging_endpoint are both {endpoint!r}: staging must serve nobody"
        raise NotConfigured(msg)
    place = storage.strip("/")
    connected: dict[str, Any] = {"conn_id": conn_id, "wasb_conn_id": wasb_conn_id}
    records, archives = f"{place}/records", f"{place}/archives"
    with TaskGroup(
        group_id, tooltip="Retrain, evaluate, promote", prefix_group_id=prefix_group_id
    ) as group:
        prepare = PrepareDataOperator(
            task_id="prepare",
            source=source,
            destination=f"{place}/prepared",
            data_cutoff=data_cutoff,
            date_pattern=date_pattern,
            label_column=label,
            holdout_fraction=holdout_fraction,
            holdout_key=holdout_key,
            holdout_source=holdout_source,
            wasb_conn_id=wasb_conn_id,
        )
        submit = SubmitBatchRetrainOperator(
            task_id="submit",
            inputs={training_input: _result(prepare)["training"]},
            parameters=parameters,
            service=training_service,
            **connected,
        )
        wait = WaitForJobSensor(
            task_id="wait",
            job=_result(submit),
            service=training_service,
            conn_id=conn_id,
            poll_interval=poll_interval,
            timeout=training_timeout,
        )
        stage = PatchEndpointOperator(
            task_id="stage",
            role="staging",
            job=_result(wait),
            trainer_service=training_service,
            sample=_result(prepare)["holdout"],
            service=service,
            endpoint=staging_endpoint,
            records=records,
            archives=archives,
            propagation=propagation,
            **connected,
        )
        scores = {
            who: ScoreBatchOperator(
                task_id=f"score_{who}",
                data=_result(prepare)["holdout"],
                destination=f"{place}/scored",
                service=service,
                endpoint=name,
                poll_interval=poll_interval,
                **connected,
            )
            for who, name in (("champion", endpoint), ("challenger", staging_endpoint))
        }
        release = ReleaseStagingOperator(
            task_id="release",
            service=service,
            endpoint=staging_endpoint,
            records=records,
            **connected,
        ).as_teardown(setups=stage)
        evaluate = EvaluateModelOperator(
            task_id="evaluate",
            policy=policy,
            champion=_result(scores["champion"]),
            challenger=_result(scores["challenger"]),
            candidate=_result(stage),
            rows=_result(prepare)["holdout"],
            data_cutoff=_result(prepare)["data_cutoff"],
            records=records,
            archives=archives,
            **connected,
        )
        promote = PatchEndpointOperator(
            task_id="promote",
            role="production",
            decision=_result(evaluate)["decision"],
            is_dry_run=dry_run,
            service=service,
            endpoint=endpoint,
            records=records,
            archives=archives,
            verify_timeout=verify_timeout,
            outlets=[endpoint_asset(service, endpoint, conn_id)],
            **connected,
        )
        prepare >> submit >> wait >> stage >> list(scores.values()) >> evaluate >> promote
        list(scores.values()) >> release
    return group


def _result(task: BaseOperator) -> Any:
    """What *task* will return, to be handed to another task; its type is that of the result."""
    return task.output
