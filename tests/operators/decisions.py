"""Decisions written by hand, as the gate writes them: to ask about one no model need be judged."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Final

from airflow_aml_retrain.client.backend import Backend
from airflow_aml_retrain.client.blobs import BlobStore, split_path
from airflow_aml_retrain.gate.policy import Policy
from airflow_aml_retrain.gate.records.record import DecisionRecord
from airflow_aml_retrain.wire.champion import Model

CANDIDATE: Final = Model(
    location="https://account/archives/candidate.ilearner",
    data_cutoff="2026-09-01T00:00:00+00:00",
    run_after="2026-09-01T00:00:00+00:00",
)

_NOTHING: Final = dict.fromkeys(
    ("deciding_check", "guarantee", "rows_needed", "data", "flips", "calibration", "curves")
)
_NONE: Final[dict[str, list[object]]] = {
    name: [] for name in ("preconditions", "checks", "estimates", "slices", "telling_rows")
}


def record(
    verdict: str,
    champion: Mapping[str, str],
    challenger: Model = CANDIDATE,
    *,
    rules: Mapping[str, str] | None = None,
) -> DecisionRecord:
    """A decision about *champion*, by a policy with these *rules* of its section `decision`."""
    policy = Policy.parse(
        {
            "data": {"label": "income"},
            "decision": dict(rules or {}),
            "checks": [{"metric": "auc", "vs": "champion"}],
        }
    )
    body = {
        **_NOTHING,
        **_NONE,
        "verdict": verdict,
        "headline": f"{verdict}: so it was decided",
        "reasons": [],
        "next_step": "Look at it.",
        "gate": "gate",
        "policy": policy.to_mapping(),
        "policy_sha256": policy.sha256,
        "models": {"champion": dict(champion), "challenger": asdict(challenger)},
        "holdout_budget": None,
        "override": None,
    }
    return DecisionRecord(body, {"decided_at": "2026-10-01T00:00:00+00:00"})


def judged(backend: Backend) -> dict[str, str]:
    """The champion of *backend* as a record names it: what serves now."""
    serving = backend.run(backend.verbs.serving())
    location = "\n".join(sorted(model.location for model in serving.models.values()))
    return {"endpoint": backend.uri, "location": location, "probes": ""}


def left(store: BlobStore, place: str, decided: DecisionRecord) -> str:
    """Write *decided* at *place* ("container/path.json"), and return *place*."""
    store.write(*split_path(place), decided.to_json())
    return place


def dated(model: Model, cutoff: str) -> Model:
    """*model*, trained on data up to *cutoff*."""
    return replace(model, data_cutoff=cutoff, run_after=cutoff)
