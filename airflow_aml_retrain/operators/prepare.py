"""Data that a retraining job can take: one CSV of many blobs, and a hold-out set apart from it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, NotRequired, TypedDict

from airflow.sdk import BaseOperator

from airflow_aml_retrain.errors import NotConfigured
from airflow_aml_retrain.operators.run import folder_of, given

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_aml_retrain.client.blobs import BlobStore
    from airflow_aml_retrain.client.prepare import Plan, Prepared
    from airflow_aml_retrain.client.split import Split

_USUAL_FRACTION: Final = 0.2


class PreparedData(TypedDict):
    """
    What the next tasks need; places are "container/path".

    Where data arrives in batches, *batches* are the first and the last one that are new to this
    run, and *gone* how many delivered blobs are no longer there as they were.
    """

    training: str
    training_rows: int
    holdout: str
    holdout_rows: int
    data_cutoff: str
    blobs: int
    batches: NotRequired[list[int]]
    gone: NotRequired[int]


class PrepareDataOperator(BaseOperator):
    """
    Join the CSV blobs up to the data cut-off into one, and set the hold-out apart.

    A batch job takes one blob per input. Both results are named by the run: a retry writes over
    its own, and two runs never meet. Returns `PreparedData`.

    The hold-out is set apart in exactly one way: by key (`holdout_fraction`, `holdout_key`; the
    usual one), by time (`holdout_since` or `holdout_period`), or by `holdout_source`.

    With *arrivals* the run learns from everything that has been delivered, up to a batch that is
    bound to it and to its retries; the data cut-off is when that batch was written down. A run that
    was woken by an event, and finds that another has consumed all of it, is skipped. What a run had
    that failed, then or later, is new to the next.

    :param source: Where the CSV blobs lie, "container/prefix". (templated)
    :param destination: Where to write, "container/prefix", not under *source*. (templated)
    :param data_cutoff: ISO time; blobs dated strictly before it count. Default: the run's
        `run_after`, and never later than that. Without a zone it is UTC. (templated)
    :param date_pattern: strptime pattern of the date in a blob's name, such as "%Y-%m-%d".
        Default: a blob is dated by its last modification.
    :param holdout_fraction: Which part of the keys is held out, above 0 and below 1.
        Default 0.2, when no other way is chosen.
    :param holdout_key: The column or columns whose hash decides. Default: the whole row.
    :param holdout_since: ISO time; blobs dated at or after it are held out. (templated)
    :param holdout_period: The blobs of this long before the data cut-off are held out.
    :param holdout_source: An audited hold-out of its own, "container/prefix"; the cut-off
        holds for it too. (templated)
    :param label_column: A column in which every row must have a value. (templated)
    :param arrivals: Where `NewDataTrigger` keeps what was delivered, "container/prefix". With it
        *data_cutoff* chooses among batches: those written down before. (templated)
    :param take_stock: Whether what lies under *source* and was delivered by no watcher is delivered
        by this task, as where messages wake the DAG, or a schedule does.
    :param marker: What *take_stock* asks of a folder, as `NewDataTrigger` does: a blob, such as
        "_SUCCESS", without which what lies in it does not count. Default: none is needed.
    :param suffix: How the names of data end that *take_stock* delivers; "" takes every name. What
        was delivered is CSV and is learned from, however its name ends.
    :param consumer: Who learns from it; what one has consumed is new to another. Default: the task
        group in its DAG, and in a mapped group the *learner* of it. (templated)
    :param learner: Which model of a mapped group this is, by a name that is the same in every run.
        Default: its place among them. (templated)
    :param wasb_conn_id: The storage connection. (templated)
    """

    template_fields: Sequence[str] = (
        "source",
        "destination",
        "data_cutoff",
        "holdout_since",
        "holdout_source",
        "label_column",
        "arrivals",
        "consumer",
        "learner",
        "wasb_conn_id",
    )
    ui_color = "#e8f1fb"

    def __init__(
        self,
        *,
        source: str,
        destination: str,
        data_cutoff: str | None = None,
        date_pattern: str | None = None,
        holdout_fraction: float | None = None,
        holdout_key: str | Sequence[str] | None = None,
        holdout_since: str | None = None,
        holdout_period: timedelta | None = None,
        holdout_source: str | None = None,
        label_column: str | None = None,
        arrivals: str | None = None,
        take_stock: bool = False,
        marker: str | None = None,
        suffix: str = ".csv",
        consumer: str | None = None,
        learner: str | None = None,
        wasb_conn_id: str = "wasb_default",
        **kwargs: Any,
    ) -> None:
        # Each key an XCom of its own, so that `task.output["key"]` can be handed on.
        super().__init__(**{"multiple_outputs": True, **kwargs})
        self.source = source
        self.destination = destination
        self.data_cutoff = data_cutoff
        self.date_pattern = date_pattern
        self.holdout_fraction = holdout_fraction
        self.holdout_key = holdout_key
        self.holdout_since = holdout_since
        self.holdout_period = holdout_period
        self.holdout_source = holdout_source
        self.label_column = label_column
        self.arrivals = arrivals
        self.take_stock = take_stock
        self.marker = marker
        self.suffix = suffix
        self.consumer = consumer
        self.learner = learner
        self.wasb_conn_id = wasb_conn_id

    def execute(self, context: "Context") -> PreparedData:
        from airflow_aml_retrain.hooks.storage import blob_store

        store, arrivals = blob_store(self.wasb_conn_id), given(self.arrivals)
        if arrivals is not None:
            return self._arrived(context, store, arrivals)
        from airflow_aml_retrain.client.prepare import prepare

        plan = self._plan(context, self._cutoff(context))
        return self._prepared(plan, prepare(store, plan))

    def _arrived(self, context: "Context", store: "BlobStore", arrivals: str) -> PreparedData:
        """The same of what has been delivered."""
        from airflow_aml_retrain.client.arrivals import Arrivals
        from airflow_aml_retrain.client.consumption import Learner
        from airflow_aml_retrain.client.intake import Intake
        from airflow_aml_retrain.client.prepare import prepare
        from airflow_aml_retrain.operators.intake import share_of

        learner = Learner.by(context["ti"], given(self.learner))
        consumer = given(self.consumer) or learner.consumer
        intake = Intake(store, Arrivals(arrivals, self.source), consumer, self.suffix, self.marker)
        until = self._cutoff(context) if given(self.data_cutoff) else None
        share = share_of(
            context,
            intake,
            learner,
            until=until,
            takes_stock=self.take_stock,
            wasb_conn_id=self.wasb_conn_id,
        )
        delivery = intake.delivery(share, self.date_pattern)
        plan = self._plan(context, datetime.fromisoformat(share.cutoff))
        plan = replace(plan, chosen=delivery.chosen)
        made = self._prepared(plan, prepare(delivery, plan))
        intake.consumption.consume(share)
        return {**made, "batches": [share.first, share.last], "gone": delivery.gone}

    def _plan(self, context: "Context", cutoff: datetime) -> "Plan":
        from airflow_aml_retrain.client.prepare import Plan

        folder = f"{self.destination.rstrip('/')}/{folder_of(context)}"
        return Plan(
            source=self.source,
            training=f"{folder}/training.csv",
            holdout=f"{folder}/holdout.csv",
            cutoff=cutoff,
            split=self._split(cutoff),
            date_pattern=self.date_pattern,
            label=given(self.label_column),
        )

    def _prepared(self, plan: "Plan", prepared: "Prepared") -> PreparedData:
        self.log.info("Joined %s into %s: %s", self.source, plan.training, prepared)
        return PreparedData(
            training=plan.training,
            training_rows=prepared.training_rows,
            holdout=plan.holdout,
            holdout_rows=prepared.holdout_rows,
            data_cutoff=plan.cutoff.isoformat(),
            blobs=prepared.blobs,
        )

    def _cutoff(self, context: "Context") -> datetime:
        due = context["dag_run"].run_after
        due = due if due.tzinfo else due.replace(tzinfo=UTC)
        text = given(self.data_cutoff)
        if text is None:
            return due
        cutoff = _time("data_cutoff", text)
        if cutoff > due:
            # As a champion's it would make every candidate of the runs to come the older one.
            msg = f"data_cutoff {text!r}: expected a time up to {due.isoformat()}, the run's own"
            raise NotConfigured(msg)
        return cutoff

    def _split(self, cutoff: datetime) -> "Split":
        """The one way in which the hold-out is set apart."""
        from airflow_aml_retrain.client.split import Apart, ByDate, ByKey

        since, source = given(self.holdout_since), given(self.holdout_source)
        by_key = self.holdout_fraction is not None or self.holdout_key is not None
        ways = {
            "holdout_fraction or holdout_key": by_key,
            "holdout_since": since is not None,
            "holdout_period": self.holdout_period is not None,
            "holdout_source": source is not None,
        }
        chosen = [way for way, is_chosen in ways.items() if is_chosen]
        if len(chosen) > 1:
            msg = f"the hold-out is set apart in one way, not in {len(chosen)}: {chosen}"
            raise NotConfigured(msg)
        if since is not None:
            return ByDate(_time("holdout_since", since))
        if self.holdout_period is not None:
            return ByDate(cutoff - self.holdout_period)
        if source is not None:
            return Apart(source)
        return ByKey(self._fraction(), self._key())

    def _fraction(self) -> float:
        fraction = _USUAL_FRACTION if self.holdout_fraction is None else self.holdout_fraction
        if not 0 < fraction < 1:
            msg = f"holdout_fraction {fraction}: expected a number above 0 and below 1"
            raise NotConfigured(msg)
        return fraction

    def _key(self) -> tuple[str, ...]:
        if isinstance(self.holdout_key, str):
            return (self.holdout_key,)
        return tuple(self.holdout_key or ())


def _time(name: str, text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError as exc:
        msg = f"{name} {text!r}: expected an ISO time such as 2024-06-01T00:00:00+00:00"
        raise NotConfigured(msg) from exc
    return time if time.tzinfo else time.replace(tzinfo=UTC)
