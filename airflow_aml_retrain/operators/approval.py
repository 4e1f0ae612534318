"""
A person's word on a decision: when it is asked for, and what becomes of it.

Law: the verdict is read from the record, never from what a task handed on. A person's word counts
only while that champion serves which was judged. It becomes a record of its own, which says who
decided and why; the one before it stays as it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from airflow_aml_retrain.errors import BadInput, NotConfigured, PromotionFrozen, PromotionRefused
from airflow_aml_retrain.operators.run import doer_of, folder_of, given

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_aml_retrain.client.blobs import BlobStore
    from airflow_aml_retrain.gate.records.record import DecisionRecord
    from airflow_aml_retrain.operators.approve import ApproveDecisionOperator

APPROVE: Final = "Approve"
REJECT: Final = "Reject"
WHY: Final = "why"


@dataclass(frozen=True, slots=True)
class Answer:
    """What was chosen, *by* whom and *why*; by nobody where the time was up."""

    is_approval: bool
    by: str
    why: str

    @classmethod
    def of(cls, event: object) -> Self:
        """The answer in what Airflow resumes a task with that awaited one."""
        match event:
            case {"chosen_options": [str(option)], "responded_by_user": user, "params_input": form}:
                return cls(option == APPROVE, _name(user), _reason(form))
            case other:
                msg = f"expected a person's answer, got {other!r}"
                raise BadInput(msg)

    def __str__(self) -> str:
        who = f"{self.by} rejected it" if self.by else "nobody answered in time"
        return f"{who}: {self.why}" if self.why else who


@dataclass(frozen=True, slots=True)
class Matter:
    """The decision that is to be approved, as it lies in storage at *place*."""

    operator: "ApproveDecisionOperator"
    store: "BlobStore"
    place: str
    record: "DecisionRecord"

    @classmethod
    def open(cls, operator: "ApproveDecisionOperator") -> Self:
        from airflow_aml_retrain.client.blobs import split_path
        from airflow_aml_retrain.gate.records.record import DecisionRecord
        from airflow_aml_retrain.hooks.storage import blob_store

        place = given(operator.decision)
        if not place:
            msg = "decision: set it to the record that EvaluateModelOperator returned"
            raise NotConfigured(msg)
        store = blob_store(operator.wasb_conn_id)
        return cls(operator, store, place, DecisionRecord.from_json(store.read(*split_path(place))))

    @property
    def is_for_a_person(self) -> bool:
        """Whether a person decides; the task is skipped where the champion stays without one."""
        from airflow_aml_retrain.gate.verdict import Verdict

        rules = rules_of(self.record)
        if self.record.verdict is Verdict.PROMOTE:
            return wants_approval(self.record)
        if self.record.verdict is Verdict.INCONCLUSIVE and rules["on_inconclusive"] == "ask":
            return True
        raise AirflowSkipException(self.record.headline)

    def still(self, asked: str) -> Self:
        """Itself, if it is what was *asked* about (a hash), and a person still decides on it."""
        if asked != self.record.sha256:
            msg = (
                f"the decision {self.place} is not the one that was put before a person, who "
                "approved another; clear this task to ask about this one"
            )
            raise AirflowFailException(msg)
        if not self.is_for_a_person:
            msg = f"nobody is to be asked about the decision {self.place}: {self.record.headline}"
            raise AirflowFailException(msg)
        return self

    def evidence(self, report: str) -> str:
        """What a person needs to decide, as markdown; the whole of it is at the URL *report*."""
        from airflow_aml_retrain.gate.report.markdown import markdown

        return f"{markdown(self.record.body)}\n\n[The whole report, with pictures]({report})\n"

    def approved(self, context: "Context", answer: Answer) -> tuple["DecisionRecord", str]:
        """Keep the approval as a record of its own, and return it with its place."""
        from airflow_aml_retrain.gate.records.chain import Summary
        from airflow_aml_retrain.operators.decision import envelope_of, kept

        endpoint = self._require_same_champion()
        record = self.record.overridden(
            by=answer.by,
            why=answer.why or "no reason was given",
            place=self.place,
            envelope=envelope_of(context),
        )
        match self.record.envelope.get("history"):
            case [*_, {"metric": str(metric), "value": value, "low": low, "high": high}]:
                summary = Summary(metric, value, low, high)
            case _:
                summary = Summary()
        return kept(
            self.store,
            self.operator.records,
            record,
            endpoint=endpoint,
            key=doer_of(context),
            folder=folder_of(context),
            summary=summary,
        )

    def _require_same_champion(self) -> str:
        """The endpoint, if it still serves what the challenger was judged against."""
        from airflow_aml_retrain.client.champion import ChampionStore
        from airflow_aml_retrain.hooks.retrain import backend_for
        from airflow_aml_retrain.wire.champion import Model

        operator, champion = self.operator, _judged(self.record, "champion")
        against = champion.get("location", "")
        with backend_for(
            operator.conn_id, operator.service, given(operator.endpoint), otherwise="production"
        ) as backend:
            if champion.get("endpoint") != backend.uri:
                msg = f"the decision is about {champion.get('endpoint')}, not about {backend.uri}"
                raise AirflowFailException(msg)
            serving = backend.run(backend.verbs.serving())
        champions = ChampionStore(self.store, operator.records)
        try:
            challenger = Model(**_judged(self.record, "challenger"))
            champions.read(backend.uri).refuse_unless_open_to(challenger)
        except PromotionFrozen as exc:
            raise AirflowSkipException(str(exc)) from exc
        except PromotionRefused as exc:
            raise AirflowFailException(str(exc)) from exc
        serves = {model.location for model in serving.models.values()}
        if not serves <= set(against.splitlines()):
            msg = (
                f"the champion has changed since it was judged: {backend.name} now serves "
                f"{', '.join(sorted(serves))}, and the decision was made against "
                f"{against or 'nobody knows what'}; evaluate again"
            )
            raise AirflowFailException(msg)
        return backend.uri


def wants_approval(record: "DecisionRecord") -> bool:
    """Whether the policy wants a person's approval for *record* to promote, and it has none."""
    return rules_of(record)["approval"] == "always" and not approver_of(record)


def approver_of(record: "DecisionRecord") -> str:
    """Who let the challenger in; empty where the gate decided alone."""
    match record.body.get("override"):
        case {"by": str(by)}:
            return by
        case _:
            return ""


def rules_of(record: "DecisionRecord") -> Mapping[str, str]:
    """What the policy of *record* says of doubt and of approval."""
    match record.body.get("policy"):
        case {"decision": {"on_inconclusive": str(in_doubt), "approval": str(approval)}}:
            return {"on_inconclusive": in_doubt, "approval": approval}
        case None:
            return {"on_inconclusive": "keep_champion", "approval": "always"}
        case other:
            msg = f"the decision record's policy does not say who decides when in doubt: {other!r}"
            raise BadInput(msg)


def _judged(record: "DecisionRecord", who: str) -> Mapping[str, str]:
    match record.models:
        case {"champion": dict(champion), "challenger": dict(challenger)}:
            return champion if who == "champion" else challenger
        case other:
            msg = f"the decision record names no champion and challenger, but {other!r}"
            raise BadInput(msg)


def _reason(form: object) -> str:
    match form:
        case {"why": str(why)}:
            return why.strip()
        case _:
            return ""


def _name(user: object) -> str:
    match user:
        case {"name": str(name)} if name:
            return name
        case {"id": str(name)}:
            return name
        case _:
            return ""
