"""
What a run is to learn from, where data arrives: asked of the ledger, not of what woke it.

Law: events only wake. A run that was woken and finds nothing new is skipped; any other learns from
everything. So an event that is doubled, merged with others or lost (apache/airflow #56050: with
`max_active_runs=1` a run can miss the newest ones) neither doubles data nor loses it.
"""

from datetime import datetime
from typing import TYPE_CHECKING

from airflow.sdk.exceptions import AirflowSkipException

from airflow_aml_retrain.client.arrivals import Arrivals
from airflow_aml_retrain.client.consumption import Learner, Share
from airflow_aml_retrain.client.intake import Intake
from airflow_aml_retrain.errors import BadInput
from airflow_aml_retrain.triggers.ended import ended

if TYPE_CHECKING:
    from airflow.sdk import Context


_WOKEN = "asset_triggered"


def share_of(
    context: "Context",
    intake: Intake,
    learner: Learner,
    *,
    until: datetime | None,
    takes_stock: bool,
    wasb_conn_id: str,
) -> Share:
    """
    What this run learns from: by its earlier tries, else everything by now.

    Raises `AirflowSkipException` if the run was woken by an event and all is consumed already, and
    `BadInput` if more was than is there.
    """
    run = context["dag_run"]
    told = _told(context, intake.arrivals, wasb_conn_id)
    # Before the ledger is read, which only grows: another run may be given more meanwhile.
    consumed = intake.consumption.consumed()
    delivered = intake.delivered(until=until, at_least=told, takes_stock=takes_stock)
    if until is None and delivered.number < consumed:
        msg = (
            f"{intake.consumer} has learned up to batch {consumed}, and the ledger has no "
            f"{intake.arrivals.manifest(delivered.number + 1)}: restore what is missing, or, if "
            f"it was begun anew, delete {intake.consumption.document} to have all learned again"
        )
        raise BadInput(msg)
    is_woken = run.run_type == _WOKEN
    share = intake.consumption.share(
        learner,
        delivered,
        ended,
        even_if_old=not is_woken,
    )
    if is_woken and not share.is_new:
        msg = f"nothing new: all up to batch {share.last} of {intake.arrivals.source} is learned"
        raise AirflowSkipException(msg)
    return share


def _told(context: "Context", arrivals: Arrivals, wasb_conn_id: str) -> int:
    """
    The last batch of *arrivals* that the events tell of by which the run was woken.

    Others may wake it, too: of another ledger, or of one at the same place in other storage.
    """
    events = context.get("triggering_asset_events") or {}
    told = 0
    for event in (event for of_asset in events.values() for event in of_asset):
        match (event.extra or {}).get("payload"):
            case {"manifest": manifest, "last": int(last), **rest} if (
                manifest == arrivals.manifest(last)
                and rest.get("wasb_conn_id", wasb_conn_id) == wasb_conn_id
            ):
                told = max(told, last)
    return told
