"""How long something that was just created may still be unknown where it is used."""

from datetime import UTC, datetime

from airflow_aml_retrain.wire.conversation import SETTLING


def settling(created: str, now: float) -> float:
    """For how many more seconds a 401 or 404 is no error yet; *created* is as services write it."""
    try:
        moment = datetime.fromisoformat(created)
    except ValueError:
        return 0.0
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    # Two clocks that disagree must not make us wait for longer than a creation ever takes.
    return max(0.0, min(SETTLING, SETTLING - (now - moment.timestamp())))
