"""
What is brought before the gate: the rows that both models scored, or a job's own evaluation.

Law: everything is looked at as it is now. Whose endpoint changed while it was judged, whose
anchor is not the one on record, is not judged but told to run again.
"""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING

from airflow.sdk import timezone

from airflow_aml_retrain.errors import GateError, NotConfigured
from airflow_aml_retrain.operators.run import given, mapping

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_aml_retrain.client.backend import Backend
    from airflow_aml_retrain.client.blobs import BlobStore
    from airflow_aml_retrain.gate.decision import Decision, Spend
    from airflow_aml_retrain.gate.facts import Facts
    from airflow_aml_retrain.gate.holdout.ledger import Use
    from airflow_aml_retrain.gate.judging.results import Precondition
    from airflow_aml_retrain.gate.policy import Policy
    from airflow_aml_retrain.gate.rows import Rows
    from airflow_aml_retrain.operators.evaluate import EvaluateModelOperator
    from airflow_aml_retrain.wire.champion import ChampionRecord, Model


@dataclass(slots=True)
class Case:
    """The decision, and the models as the record names them (empty where unknown)."""

    decision: "Decision"
    models: dict[str, dict[str, str]] = field(default_factory=dict)


def judged(
    operator: "EvaluateModelOperator", context: "Context", store: "BlobStore", policy: "Policy"
) -> Case:
    if given(operator.evaluation):
        return _by_evaluation(operator, context, store, policy)
    return _by_scored_rows(operator, context, store, policy)


def _by_scored_rows(
    operator: "EvaluateModelOperator", context: "Context", store: "BlobStore", policy: "Policy"
) -> Case:
    from airflow_aml_retrain.client.champion import ChampionStore
    from airflow_aml_retrain.gate.decision import evaluate

    scored = {
        "champion": _scored(operator, "champion"),
        "challenger": _scored(operator, "challenger"),
    }
    model = _candidate(operator)
    if not given(operator.rows):
        # Said before the hold-out is used, since a use of it cannot be taken back.
        msg = "rows: set it to what both models scored, so that a promotion can be proven"
        raise NotConfigured(msg)
    _require_unchanged(scored["champion"], scored["challenger"], model)
    champion = scored["champion"]
    record = ChampionStore(store, operator.records).read(champion["endpoint"])
    anchor = _anchor(operator, store, policy, record, champion["after"])
    if anchor is not None:
        scored["anchor"] = anchor
    candidate = _dated(operator, context, model)
    with ExitStack() as stack:
        sources = {
            who: stack.enter_context(store.seekable(each["scored"])) for who, each in scored.items()
        }
        decision = evaluate(
            sources,
            policy,
            spend=_spend(operator, store, policy, champion, candidate),
            facts=_facts(
                operator,
                store,
                policy,
                record,
                candidate,
                no_anchor=_no_anchor(store, record, champion["after"]),
            ),
        )
    old, new = _probes(operator, store, scored, decision)
    known = {"endpoint": champion["endpoint"], "location": champion["after"], "probes": old}
    models = {"champion": known, "challenger": asdict(replace(candidate, probes=new))}
    if anchor is not None:
        models["anchor"] = {"endpoint": anchor["endpoint"], "location": anchor["after"]}
    met = (*decision.preconditions, _staging_seen(scored["challenger"]))
    return Case(replace(decision, preconditions=met), models)


def _probes(
    operator: "EvaluateModelOperator",
    store: "BlobStore",
    scored: Mapping[str, Mapping[str, str]],
    decision: "Decision",
) -> tuple[str, str]:
    """Where the rows lie that tell both models apart, with the answers of each."""
    from airflow_aml_retrain.client.evidence import keep_probes
    from airflow_aml_retrain.gate.scores.telling import telling_rows

    # The gate counts rows as a person does, from 1.
    numbers = [number - 1 for number in telling_rows(decision.rows)] if decision.rows else []
    old, new = (
        keep_probes(
            store,
            operator.records,
            rows=operator.rows or "",
            scored=scored[who]["scored"],
            numbers=numbers,
        )
        for who in ("champion", "challenger")
    )
    return old, new


def _spend(
    operator: "EvaluateModelOperator",
    store: "BlobStore",
    policy: "Policy",
    champion: Mapping[str, str],
    candidate: "Model",
) -> "Spend":
    """
    Spend from the endpoint's ledger.

    Who judges the same models by the same rules on the same scores of the same rows again, a
    retry or another run, learns nothing new and spends nothing. Rows that were scored anew and
    came out otherwise are another look, and another use.
    """
    from airflow_aml_retrain.client.ledger import LedgerStore

    ledger = LedgerStore(store, operator.records, champion["endpoint"])
    judged = (champion["after"], candidate.sha256 or candidate.location, policy.sha256)

    def spend(rows: "Rows") -> "Use":
        scores = sorted(f"{who} {known}" for who, known in rows.quality.score_sha256.items())
        key = sha256("\n".join((*judged, *scores)).encode()).hexdigest()
        return ledger.spend(rows.holdout, policy.holdout, policy.decision.alpha, key)

    return spend


def _facts(
    operator: "EvaluateModelOperator",
    store: "BlobStore",
    policy: "Policy",
    record: "ChampionRecord",
    candidate: "Model",
    *,
    no_anchor: str,
) -> "Facts":
    from airflow_aml_retrain.gate.facts import Facts

    # What was not said is not known: the time of the run is no cut-off of anybody's data.
    cutoffs = {"challenger": given(operator.data_cutoff) or ""}
    if record.champion:
        cutoffs["champion"] = record.champion.data_cutoff
    latency = mapping("p95_latency", operator.p95_latency) if operator.p95_latency else {}
    return Facts(
        now=timezone.utcnow(),
        trained_until={who: _moment(said) for who, said in cutoffs.items() if said},
        p95_latency={who: _seconds(who, said) for who, said in latency.items()},
        model_bytes=_sizes(store, policy, candidate),
        no_anchor=no_anchor,
    )


def _seconds(who: str, said: object) -> float:
    match said:
        case bool() | None:
            pass
        case int() | float():
            return float(said)
    msg = f"p95_latency of the {who}: expected seconds, got {said!r}"
    raise NotConfigured(msg)


def _sizes(store: "BlobStore", policy: "Policy", candidate: "Model") -> dict[str, int]:
    """The size of the challenger, where the policy limits it."""
    limited = policy.operations is not None and policy.operations.max_model_mb is not None
    return {"challenger": store.size(candidate.archive)} if limited else {}


def _no_anchor(store: "BlobStore", record: "ChampionRecord", serves: str) -> str:
    from airflow_aml_retrain.client.anchor import is_serving

    if record.anchor is None:
        return "nothing was promoted yet, so the champion is the anchor itself"
    if is_serving(store, record, serves):
        return "the champion is the anchor itself"
    return "no endpoint of its own is kept for the anchor"


def _anchor(
    operator: "EvaluateModelOperator",
    store: "BlobStore",
    policy: "Policy",
    record: "ChampionRecord",
    serves: str,
) -> Mapping[str, str] | None:
    """What the anchor scored; None where none did, and need not beside what *serves*."""
    from airflow_aml_retrain.client.anchor import locations

    if not operator.anchor or given(str(operator.anchor)) is None:
        _require_guarded(store, policy, record, serves)
        return None
    anchor = _scored(operator, "anchor")
    _require_still("anchor", anchor)
    known = locations(store, record.anchor) if record.anchor else set()
    if anchor["after"] and not known.intersection(anchor["after"].splitlines()):
        msg = (
            f"the anchor's endpoint scored with {anchor['after']}, and the anchor on record is "
            f"{record.anchor.location if record.anchor else 'none'}; run it again"
        )
        raise GateError(msg)
    return anchor


def _require_guarded(
    store: "BlobStore", policy: "Policy", record: "ChampionRecord", serves: str
) -> None:
    """
    `GateError` if a foreign model serves and nothing else is compared with.

    Whoever put a worse model there would else lower what the challenger has to reach.
    """
    from airflow_aml_retrain.client.anchor import is_foreign, is_serving
    from airflow_aml_retrain.gate.estimates import Against
    from airflow_aml_retrain.gate.rules.check import Severity

    if record.anchor is None or is_serving(store, record, serves):
        return
    is_asked = any(
        check.vs is Against.ANCHOR and check.severity is Severity.FAIL
        for check in policy.all_checks()
    )
    if is_asked and is_foreign(store, record, serves):
        msg = (
            f"production serves {serves}, which was not promoted here, and nothing was scored by "
            f"the anchor {record.anchor.location}; keep an endpoint for the anchor and run it "
            "again, or ask for no comparison with it (decision.anchor: off)"
        )
        raise GateError(msg)


def _by_evaluation(
    operator: "EvaluateModelOperator", context: "Context", store: "BlobStore", policy: "Policy"
) -> Case:
    from airflow_aml_retrain.client.archive import Archive
    from airflow_aml_retrain.client.blobs import open_foreign, split_path
    from airflow_aml_retrain.client.scoring import choose_table
    from airflow_aml_retrain.gate.decision import invalid
    from airflow_aml_retrain.gate.own_evaluation import evaluate_report
    from airflow_aml_retrain.hooks.retrain import backend_for

    backend = backend_for(operator.conn_id, operator.service, operator.endpoint)
    champion = {"endpoint": backend.uri, "location": _location(backend), "probes": ""}
    unknown = _unknown_champion(operator, policy, champion["location"])
    if unknown:
        return Case(invalid(policy, unknown), {"champion": champion})
    trainer = backend_for(operator.conn_id, operator.trainer_service, operator.trainer_endpoint)
    job = trainer.job(operator.evaluation or "")
    outputs = trainer.run(trainer.verbs.outputs(job))
    earlier = given(operator.champion_evaluation)
    table = choose_table(outputs, operator.evaluation_output)
    with ExitStack() as stack:
        old = stack.enter_context(store.open(*split_path(earlier))) if earlier else None
        decision = evaluate_report(old, stack.enter_context(open_foreign(table)), policy)
    model = Archive(store, operator.archives).of_job(trainer, job)
    candidate = asdict(_dated(operator, context, model))
    return Case(decision, {"champion": champion, "challenger": candidate})


def _unknown_champion(operator: "EvaluateModelOperator", policy: "Policy", serves: str) -> str:
    """Why the champion that *serves* cannot be compared with as the policy requires, if so."""
    from airflow_aml_retrain.gate.estimates import Against
    from airflow_aml_retrain.gate.rules.check import Severity

    said = operator.champion_evaluation
    required = [
        check.name
        for check in policy.checks
        if check.vs is Against.CHAMPION and check.severity is Severity.FAIL
    ]
    if given(said) or not required or not serves:
        return ""
    came = "is not set" if said is None else f"came out as {said!r}"
    return (
        f"the policy requires {required[0]}, production serves {serves}, and champion_evaluation "
        f"{came}; name an evaluation of that champion"
    )


def _candidate(operator: "EvaluateModelOperator") -> "Model":
    from airflow_aml_retrain.wire.champion import Model
    from airflow_aml_retrain.wire.shapes import shape_of

    said = mapping("candidate", operator.candidate)
    try:
        match said:
            case {"model": {"location": str(), "archive": str(), "sha256": str()} as known}:
                model = Model(**known)
            case other:
                msg = f"candidate: expected what the staging task returned, got {shape_of(other)}"
                raise NotConfigured(msg)
    except TypeError as exc:
        msg = f"candidate: expected a model as the staging task returned it, got {shape_of(known)}"
        raise NotConfigured(msg) from exc
    if "?" in model.location:
        # It would be written into the record, and what stands behind may be a token.
        msg = "candidate: the location of its model must be a URL without a query"
        raise NotConfigured(msg)
    return model


def _scored(operator: "EvaluateModelOperator", who: str) -> Mapping[str, str]:
    from airflow_aml_retrain.wire.shapes import shape_of

    match mapping(who, getattr(operator, who)):
        case {
            "scored": str(),
            "endpoint": str(),
            "before": str(),
            "after": str(),
        } as scored:
            return scored
        case other:
            msg = f"{who}: expected what ScoreBatchOperator returned, got {shape_of(other)}"
            raise NotConfigured(msg)


def _require_unchanged(
    champion: Mapping[str, str], challenger: Mapping[str, str], model: "Model"
) -> None:
    """`GateError` if either endpoint changed its model while it was judged."""
    _require_still("champion", champion)
    _require_still("challenger", challenger)
    if challenger["after"] and model.location not in challenger["after"].splitlines():
        msg = (
            f"the staging endpoint scored with {challenger['after']}, not with the candidate "
            f"{model.location}; somebody else used it; run it again"
        )
        raise GateError(msg)


def _staging_seen(challenger: Mapping[str, str]) -> "Precondition":
    """Whether it could be read that staging served the candidate, after `_require_unchanged`."""
    from airflow_aml_retrain.gate.judging.results import Precondition

    seen = bool(challenger["after"])
    return Precondition(
        name="staging_seen",
        required="the candidate",
        observed="the candidate" if seen else "unknown",
        passed=seen,
        reason="The staging endpoint served the candidate before and after it scored the rows."
        if seen
        else "What the staging endpoint serves could not be read, so nothing shows that it scored "
        "the rows with the candidate; use a connection that may read it.",
        severity="warn",
    )


def _require_still(who: str, scored: Mapping[str, str]) -> None:
    if scored["before"] != scored["after"]:
        msg = (
            f"the {who}'s endpoint changed its model while the rows were scored, from "
            f"{scored['before']} to {scored['after']}; run it again"
        )
        raise GateError(msg)


def _dated(operator: "EvaluateModelOperator", context: "Context", model: "Model") -> "Model":
    """*model* with what decides which of two is the older."""
    run_after = context["dag_run"].run_after.isoformat()
    cutoff = given(operator.data_cutoff) or run_after
    _moment(cutoff)
    return replace(model, data_cutoff=cutoff, run_after=run_after)


def _location(backend: "Backend") -> str:
    serving = backend.run(backend.verbs.serving())
    return "\n".join(sorted(model.location for model in serving.models.values()))


def _moment(written: str) -> datetime:
    try:
        moment = datetime.fromisoformat(written)
    except ValueError as exc:
        msg = f"data_cutoff {written!r}: expected an ISO time such as 2026-06-01T00:00:00+00:00"
        raise NotConfigured(msg) from exc
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
