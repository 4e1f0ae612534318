"""
The journey of one model, as one function: prepared, trained, staged, scored, judged, promoted.

The staging endpoint is claimed from *stage* to the last score; *release* gives it back whatever
becomes of the run. The anchor is skipped where there is nothing to compare with, and the journey
goes on; where it fails nothing is judged.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeGuard
from urllib.parse import quote

from airflow.sdk import Asset, BaseOperator, TaskGroup, TriggerRule
from airflow.sdk.exceptions import AirflowSkipException

from airflow_aml_retrain.errors import NotConfigured
from airflow_aml_retrain.operators.anchor import StageAnchorOperator
from airflow_aml_retrain.operators.approve import ApproveDecisionOperator
from airflow_aml_retrain.operators.evaluate import EvaluateModelOperator
from airflow_aml_retrain.operators.patch import PatchEndpointOperator
from airflow_aml_retrain.operators.prepare import PrepareDataOperator
from airflow_aml_retrain.operators.release import ReleaseStagingOperator
from airflow_aml_retrain.operators.score import ScoreBatchOperator
from airflow_aml_retrain.operators.submit import SubmitBatchRetrainOperator
from airflow_aml_retrain.operators.update import UpdateDefinitionOperator
from airflow_aml_retrain.sensors.job import WaitForJobSensor

if TYPE_CHECKING:
    from airflow.sdk import BaseNotifier, Context
    from airflow.sdk.execution_time.hitl import HITLUser


def endpoint_asset(
    service: str, endpoint: str | None = "production", conn_id: str = "aml_studio_default"
) -> Asset:
    """
    The endpoint as an asset: a promotion is an event of it, for other DAGs to run on.

    A new web service has but one *endpoint*: None.
    """
    parts = [conn_id, service, *([endpoint] if endpoint else [])]
    place = "/".join(quote(part, safe="") for part in parts)
    name = f"{service} ({endpoint})" if endpoint else service
    return Asset(name=name, uri=f"azureml-endpoint://{place}")


def retrain_and_promote(
    *,
    source: str,
    training_service: str,
    service: str,
    policy: Mapping[str, Any] | str,
    endpoint: str = "production",
    staging_endpoint: str = "staging",
    staging_service: str | None = None,
    anchor_endpoint: str | None = "anchor",
    anchor_service: str | None = None,
    resource: str | None = None,
    data_cutoff: str | None = None,
    date_pattern: str | None = None,
    label: str | None = None,
    holdout_fraction: float | None = None,
    holdout_key: str | Sequence[str] | None = None,
    holdout_source: str | None = None,
    arrivals: bool = False,
    take_stock: bool = False,
    marker: str | None = None,
    suffix: str = ".csv",
    learner: str | None = None,
    training_input: str = "input1",
    parameters: Mapping[str, str] | None = None,
    dry_run: bool | str = False,
    approvers: "Sequence[HITLUser]" = (),
    approval_notifiers: "Sequence[BaseNotifier]" = (),
    approval_timeout: float | None = None,
    storage: str = "aml-retrain",
    conn_id: str = "aml_studio_default",
    wasb_conn_id: str = "wasb_default",
    poll_interval: float = 10.0,
    training_timeout: float = 24 * 60 * 60.0,
    max_active_jobs: int | None = None,
    propagation: float = 60.0,
    verify_timeout: float = 600.0,
    group_id: str = "retrain_and_promote",
    prefix_group_id: bool = False,
) -> TaskGroup:
    """
    Retrain a model and let it into service only if it is shown to be better.

    Returns a task group with the tasks prepare, submit, wait, stage, anchor, score_champion,
    score_challenger, score_anchor, release, evaluate, approve and promote. PROMOTE passes
    *approve* by, unless the policy says `approval: always`. INCONCLUSIVE waits in it for a person
    where the policy says `on_inconclusive: ask`. Otherwise it leaves, as REJECT always does,
    *approve* and *promote* skipped and the run green; INVALID fails *evaluate* at once.

    *source* ("container/prefix") holds the CSV blobs to learn from, up to *data_cutoff*
    (default: when the run was due); *holdout_fraction*, *holdout_key* or *holdout_source* set the
    hold-out apart, and *label* must have a value in every row: see `PrepareDataOperator`. With
    *arrivals* they are those that a `NewDataTrigger` has delivered, which keeps them in
    "*storage*/arrivals"; *take_stock* delivers here what none has, of folders that
    hold *marker* if it is given, where names end in *suffix*. In a mapped group *learner* is the
    name by which a model's account of what it has learned is kept.
    *training_service* trains, *service* scores. Of a classic web service *endpoint* is what users
    call, *staging_endpoint* serves nobody, and the model is promoted by PATCH. A new web service
    has one endpoint: its twin, which serves nobody, is *staging_service*, and the model is
    promoted by an update of the definition; *conn_id* is then an `azure` connection. The anchor,
    against which slow decay is noticed, has *anchor_endpoint*, or another twin *anchor_service*;
    without one the gate says that it was not compared with. *resource* names the trained model
    where there are several. *policy* is the gate's: see `EvaluateModelOperator`; *approvers*,
    *approval_notifiers* and *approval_timeout* are about whom it asks: see
    `ApproveDecisionOperator`. *storage* ("container" or "container/prefix") takes data, archives
    and records. In a mapped group no more than *max_active_jobs* train at a time, over all runs of
    the DAG. Times are seconds. Template fields of the operators may be templates here. Two
    journeys in one DAG need a *group_id* of their own and *prefix_group_id*.
    """
    sides = (
        _sides(None, (service, staging_service, anchor_service))
        if staging_service
        else _sides(service, (endpoint, staging_endpoint, anchor_endpoint))
    )
    publishing = UpdateDefinitionOperator if staging_service else PatchEndpointOperator
    production, staging = sides["champion"], sides["challenger"]
    looking: dict[str, Any] = {"poll_interval": poll_interval} if staging_service else {}
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
            arrivals=f"{place}/arrivals" if arrivals else None,
            take_stock=take_stock,
            marker=marker,
            suffix=suffix,
            learner=learner,
            wasb_conn_id=wasb_conn_id,
        )
        submit = SubmitBatchRetrainOperator(
            task_id="submit",
            inputs={training_input: _result(prepare)["training"]},
            parameters=parameters,
            service=training_service,
            start=max_active_jobs is None,
            **connected,
        )
        wait = WaitForJobSensor(
            task_id="wait",
            job=_result(submit),
            # Whoever waits starts the job, so that those who wait are those who train.
            start=max_active_jobs is not None,
            max_active_tis_per_dag=max_active_jobs,
            service=training_service,
            conn_id=conn_id,
            poll_interval=poll_interval,
            timeout=training_timeout,
        )
        stage = publishing(
            task_id="stage",
            role="staging",
            job=_result(wait),
            trainer_service=training_service,
            sample=_result(prepare)["holdout"],
            production_service=production["service"],
            production_endpoint=production["endpoint"],
            resource=resource,
            **staging,
            records=records,
            archives=archives,
            propagation=propagation,
            **looking,
            **connected,
        )
        scores = {
            who: ScoreBatchOperator(
                task_id=f"score_{who}",
                data=_result(prepare)["holdout"],
                destination=f"{place}/scored",
                resource=resource,
                **side,
                poll_interval=poll_interval,
                **connected,
            )
            for who, side in sides.items()
        }
        judged = [scores["champion"], scores["challenger"]]
        release = ReleaseStagingOperator(
            task_id="release",
            **staging,
            records=records,
            **connected,
        ).as_teardown(setups=stage)
        evaluate = EvaluateModelOperator(
            task_id="evaluate",
            policy=policy,
            champion=_result(scores["champion"]),
            challenger=_result(scores["challenger"]),
            anchor=_result(scores["anchor"]) if "anchor" in scores else None,
            candidate=_pulled(stage),
            rows=_result(prepare)["holdout"],
            data_cutoff=_result(prepare)["data_cutoff"],
            records=records,
            archives=archives,
            # The anchor may be skipped. The rule that also wants one success takes, in a mapped
            # group, another model's failure for its own (3.3.2: before the group's task expands).
            trigger_rule=TriggerRule.NONE_FAILED,
            pre_execute=_require_scored,
            **connected,
        )
        approve = ApproveDecisionOperator(
            task_id="approve",
            decision=_result(evaluate)["decision"],
            is_dry_run=dry_run,
            **production,
            records=records,
            response_timeout=timedelta(seconds=approval_timeout) if approval_timeout else None,
            assigned_users=approvers,
            notifiers=approval_notifiers,
            **connected,
        )
        promote = publishing(
            task_id="promote",
            role="production",
            decision=_result(approve)["decision"],
            is_dry_run=dry_run,
            resource=resource,
            **production,
            records=records,
            archives=archives,
            verify_timeout=verify_timeout,
            **looking,
            outlets=_outlets(production, conn_id),
            **connected,
        )
        prepare >> submit >> wait >> stage >> judged >> evaluate >> approve >> promote
        judged >> release
        if "anchor" in sides:
            anchor = StageAnchorOperator(
                task_id="anchor",
                sample=_result(prepare)["holdout"],
                production_service=production["service"],
                production_endpoint=production["endpoint"],
                resource=resource,
                **sides["anchor"],
                records=records,
                archives=archives,
                propagation=propagation,
                **looking,
                **connected,
            )
            wait >> anchor >> scores["anchor"] >> evaluate
    return group


def _sides(service: str | None, names: Sequence[str | None]) -> dict[str, dict[str, Any]]:
    """
    Web service and endpoint of each model: champion, challenger and, where it has one, anchor.

    *names* are endpoints of *service*; without it they are new web services, which have but one.
    """
    spelt = [name.casefold() for name in names if _is_known(name)]
    if len(set(spelt)) < len(spelt):
        said = ", ".join(map(repr, filter(None, names)))
        msg = f"production, staging and anchor are {said}: the latter two must serve nobody"
        raise NotConfigured(msg)
    return {
        who: {"service": service or name, "endpoint": name if service else None}
        for who, name in zip(("champion", "challenger", "anchor"), names, strict=True)
        if name
    }


def _outlets(side: Mapping[str, Any], conn_id: str) -> list[Asset]:
    """The endpoint as an asset; one that is named at run time, as in a mapped group, is none."""
    if all(_is_known(name) for name in side.values() if name is not None):
        return [endpoint_asset(side["service"], side["endpoint"], conn_id)]
    return []


def _is_known(name: object) -> TypeGuard[str]:
    """Whether *name* is a name, and not what will stand for one when the task runs."""
    return isinstance(name, str)


def _require_scored(context: "Context") -> None:
    """Where all is skipped there is nothing to judge."""
    task = context["ti"]
    prefix = task.task_id.removesuffix("evaluate")
    challenger = f"{prefix}score_challenger"
    if task.xcom_pull(task_ids=challenger, map_indexes=task.map_index) is None:
        msg = "no model was scored, so there is nothing to judge"
        raise AirflowSkipException(msg)


def _result(task: BaseOperator) -> Any:
    """What *task* will return, to be handed to another task; its type is that of the result."""
    return task.output


def _pulled(task: BaseOperator) -> str:
    """
    What *task* will have returned, as JSON, for a task that does not directly follow it.

    After a setup Airflow lets nothing directly follow that runs if another task was skipped.
    """
    return f"{{{{ ti.xcom_pull('{task.task_id}', map_indexes=ti.map_index) | tojson }}}}"
