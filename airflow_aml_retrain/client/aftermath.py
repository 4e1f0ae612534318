"""
What is said when a change was accepted and what came of it is not known.

Law: nothing goes wrong after that without a word on what serves, and on what a person can do.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from airflow_aml_retrain.errors import LeaseHeld, PromotionFailed, RetrainError

WAY_OUT: Final = (
    "A person must look, and where the next run cannot settle it either, end it with "
    "accept_pending=True of UnfreezeEndpointOperator or RollbackEndpointOperator."
)


@contextmanager
def both_facts(change: str) -> Iterator[None]:
    """
    Let nothing go wrong after *change* was accepted without a word on what serves.

    Whatever was not foreseen becomes a `PromotionFailed`; `LeaseHeld` stays what it is, for
    whoever raises it comes again and settles.
    """
    try:
        yield
    except (PromotionFailed, LeaseHeld):
        raise
    except RetrainError as exc:
        msg = (
            f"{change} was accepted, and then what came of it could not be told: {exc}. It is "
            f"not verified and not undone. {WAY_OUT}"
        )
        raise PromotionFailed(msg, undone=False) from exc
