"""
What a run is to learn from, where data arrives: asked of the ledger, not of what woke it.

Law: events only wake. A run that was woken and finds nothing new is skipped; any other learns from
everything. So an event that is doubled, merged with others or lost (apache/airflow #56050: with
`max_active_runs=1` a run can miss the newest ones) neither doubles data nor loses it.
"""

from datetime import datetime
from typing import TYPE_CHECKING

from airflow.sdk.exceptions import AirflowSkipException

from airflow_aml_retrain.client.consumption import Learner, Share
from airflow_aml_retrain.client.intake import Intake
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
) -> Share:
    """
    What this run learns from: by its earlier tries, else everything by now.

    Raises `AirflowSkipException` if the run was woken by an event and all is consumed already.
    """
    run = context["dag_run"]
    delivered = intake.delivered(
        until=until, at_least=_told(context, intake.arrivals.source), takes_stock=takes_stock
    )
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


def _told(context: "Context", source: str) -> int:
    """The last batch of *source* that the events tell of by which the run was woken."""
    events = context.get("triggering_asset_events") or {}
    told = 0
    for event in (event for of_asset in events.values() for event in of_asset):
        match (event.extra or {}).get("payload"):
            case {"source": said, "last": int(last)} if said == source:
                told = max(told, last)
    return told
