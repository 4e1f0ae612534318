"""Waiting until there is enough new data to learn from."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowSkipException

from airflow_aml_retrain.errors import DeadlineExceeded, ServiceUnavailable

if TYPE_CHECKING:
    from airflow.sdk import Context


class NewDataSensor(BaseOperator):
    """
    Wait until enough has landed that this DAG has not learned from.

    For DAGs on a schedule. Looks once and, if that is not enough, waits in the triggerer. What
    counts as new is what no run was given by `PrepareDataOperator` with the same *arrivals*; what
    a run had that failed is new again.
    Returns source, the last batch that was learned, how many new blobs there are, and how many rows
    were counted in them until they were enough.

    :param source: Where blobs land, "container/prefix". (templated)
    :param arrivals: Where is kept what was delivered, "container/prefix". (templated)
    :param marker: As for `NewDataTrigger`: a blob, such as "_SUCCESS", without which what lies in
        a folder does not count. Default: none is needed.
    :param suffix: How the names of data end.
    :param minimum_blobs: How many new blobs are enough.
    :param minimum_rows: How many rows in them are enough; 0 counts none.
    :param consumer: As for `PrepareDataOperator`; default: this DAG, or this task's group of it.
        (templated)
    :param poll_interval: Seconds between two looks.
    :param timeout: Seconds from the start of this try after which the wait is over.
    :param soft_fail: Whether the task is then skipped, and does not fail.
    :param wasb_conn_id: The storage connection. (templated)
    """

    template_fields: Sequence[str] = ("source", "arrivals", "consumer", "wasb_conn_id")
    ui_color = "#e8f1fb"

    def __init__(
        self,
        *,
        source: str,
        arrivals: str = "aml-retrain/arrivals",
        marker: str | None = None,
        suffix: str = ".csv",
        minimum_blobs: int = 1,
        minimum_rows: int = 0,
        consumer: str | None = None,
        poll_interval: float = 60.0,
        timeout: float = 7 * 24 * 60 * 60.0,
        soft_fail: bool = False,
        wasb_conn_id: str = "wasb_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.source = source
        self.arrivals = arrivals
        self.marker = marker
        self.suffix = suffix
        self.minimum_blobs = minimum_blobs
        self.minimum_rows = minimum_rows
        self.consumer = consumer
        self.poll_interval = poll_interval
        self.timeout = timeout
        self.soft_fail = soft_fail
        self.wasb_conn_id = wasb_conn_id

    def execute(self, context: "Context") -> dict[str, Any]:
        from airflow_aml_retrain.client.arrivals import Arrivals
        from airflow_aml_retrain.client.consumption import Learner
        from airflow_aml_retrain.client.errands import run
        from airflow_aml_retrain.client.unlearned import unlearned
        from airflow_aml_retrain.hooks.storage import blob_store
        from airflow_aml_retrain.triggers.ended import ended

        consumer = self.consumer or Learner.by(context["ti"]).consumer
        arrivals = Arrivals(self.arrivals, self.source)
        errand = unlearned(
            arrivals,
            consumer,
            ended=ended,
            minimum_blobs=self.minimum_blobs,
            minimum_rows=self.minimum_rows,
            suffix=self.suffix,
            marker=self.marker,
        )
        try:
            found = run(blob_store(self.wasb_conn_id), errand)
        except ServiceUnavailable as exc:
            self.log.warning("%s; looking again", exc)
        else:
            self.log.info("%s", found)
            if found.is_enough(self.minimum_blobs, self.minimum_rows):
                return asdict(found)
        return self._deferred(context, consumer)

    def execute_complete(self, context: "Context", event: object) -> dict[str, Any]:
        from airflow_aml_retrain.triggers.enough import found_by

        try:
            return found_by(event)
        except DeadlineExceeded as exc:
            if self.soft_fail:
                raise AirflowSkipException(str(exc)) from exc
            raise

    def _deferred(self, context: "Context", consumer: str) -> NoReturn:
        from airflow_aml_retrain.triggers.enough import EnoughDataTrigger

        self.defer(
            trigger=EnoughDataTrigger(
                self.source,
                arrivals=self.arrivals,
                marker=self.marker,
                suffix=self.suffix,
                consumer=consumer,
                minimum_blobs=self.minimum_blobs,
                minimum_rows=self.minimum_rows,
                poll_interval=self.poll_interval,
                deadline=context["ti"].start_date.timestamp() + self.timeout,
                wasb_conn_id=self.wasb_conn_id,
            ),
            method_name="execute_complete",
            # The trigger keeps the deadline itself; this one is for a trigger that cannot.
            timeout=timedelta(seconds=self.timeout + 600),
        )
