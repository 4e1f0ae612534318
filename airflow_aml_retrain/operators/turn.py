"""Waiting for one's turn at an endpoint, without a worker."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, NoReturn

from airflow.sdk import timezone
from airflow.sdk.exceptions import AirflowFailException

from airflow_aml_retrain.errors import LeaseHeld

if TYPE_CHECKING:
    from airflow.sdk import Context

_LOOK_AGAIN: Final = timedelta(seconds=20)


class TakesTurns:
    """
    What an operator is that holds something of an endpoint while it acts.

    Where another run holds it, the task defers and looks again, until it was its turn.
    It stands before `BaseOperator` among a class's bases; the class acts in `act`, which raises
    `LeaseHeld`. *claim_timeout* is in seconds.
    """

    claim_timeout: float = 6 * 60 * 60.0
    defer: Callable[..., NoReturn]
    log: Any

    def execute(self, context: "Context") -> Any:
        with self.turn(context):
            return self.act(context)

    @contextmanager
    def turn(self, context: "Context") -> Iterator[None]:
        """Where another run holds the endpoint, defer, and begin again when it may be free."""
        try:
            yield
        except LeaseHeld as exc:
            self._wait_for_turn(context, exc)

    def act(self, context: "Context") -> Any:
        """Do it, now."""
        raise NotImplementedError

    def execute_again(self, context: "Context", event: object) -> Any:
        """Whoever held the endpoint may be done."""
        return self.execute(context)

    def _wait_for_turn(self, context: "Context", held: LeaseHeld) -> NoReturn:
        from airflow.providers.standard.triggers.temporal import TimeDeltaTrigger

        waited = timezone.utcnow() - context["ti"].start_date
        if waited > timedelta(seconds=self.claim_timeout):
            msg = f"{held}, for {waited}; see to that run, then clear this task"
            raise AirflowFailException(msg) from held
        self.log.info("%s; looking again in a moment", held)
        self.defer(trigger=TimeDeltaTrigger(_LOOK_AGAIN), method_name="execute_again")
