"""Letting a person decide what the gate alone may not."""

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowSkipException

from airflow_aml_retrain.links.task import ReportLink, show_report
from airflow_aml_retrain.operators.evaluate import Decided
from airflow_aml_retrain.operators.run import truth

if TYPE_CHECKING:
    from airflow.sdk import BaseNotifier, Context
    from airflow.sdk.execution_time.hitl import HITLUser

    from airflow_aml_retrain.operators.approval import Matter


class ApproveDecisionOperator(BaseOperator):
    """
    Ask a person about a decision, where its policy wants that.

    A decision to promote passes, and nobody is asked, unless the policy says `approval: always`.
    One that is INCONCLUSIVE is put before a person where the policy says
    `on_inconclusive: ask`; any other keeps the champion, and the task is skipped.

    The task waits for the answer without a worker and without a trigger, and shows the evidence
    under *Required actions*, with the report linked. *Approve* is refused if the champion has
    changed since it was judged; else it is kept as a decision record of its own, with who decided
    and why, and the model that is promoted by it becomes the anchor. *Reject* skips the task,
    and the run stays green. A dry run asks nobody. Returns `Decided`.

    :param decision: Where the decision record lies, "container/path". (templated)
    :param is_dry_run: Ask nobody. (templated)
    :param service: The web service that is promoted into. (templated)
    :param endpoint: Its production endpoint. Default: "production" of a classic web service; a
        new one has but one. (templated)
    :param records: Where decision and champion records lie, "container/prefix". (templated)
    :param conn_id: The workspace, or the one service. (templated)
    :param wasb_conn_id: The storage connection. (templated)
    :param response_timeout: After this time without an answer the champion stays. Default: never.
    :param assigned_users: Who may answer. Default: whoever may edit the task.
    :param notifiers: Told once the task waits for an answer.
    """

    template_fields: Sequence[str] = (
        "decision",
        "is_dry_run",
        "service",
        "endpoint",
        "records",
        "conn_id",
        "wasb_conn_id",
    )
    operator_extra_links = (ReportLink(),)
    ui_color = "#fff0f5"

    def __init__(
        self,
        *,
        decision: str,
        is_dry_run: bool | str = False,
        service: str | None = None,
        endpoint: str | None = None,
        records: str = "aml-retrain/records",
        conn_id: str = "aml_studio_default",
        wasb_conn_id: str = "wasb_default",
        response_timeout: timedelta | None = None,
        assigned_users: "Sequence[HITLUser]" = (),
        notifiers: "Sequence[BaseNotifier]" = (),
        **kwargs: Any,
    ) -> None:
        # Each key an XCom of its own, so that `task.output["key"]` can be handed on.
        super().__init__(**{"multiple_outputs": True, **kwargs})
        self.decision = decision
        self.is_dry_run = is_dry_run
        self.service = service
        self.endpoint = endpoint
        self.records = records
        self.conn_id = conn_id
        self.wasb_conn_id = wasb_conn_id
        self.response_timeout = response_timeout
        self.assigned_users = assigned_users
        self.notifiers = notifiers

    def execute(self, context: "Context") -> Decided:
        from airflow_aml_retrain.operators.approval import Matter
        from airflow_aml_retrain.operators.decision import report_of

        matter = Matter.open(self)
        record, place = matter.record, matter.place
        report = show_report(context, report_of(place), wasb_conn_id=self.wasb_conn_id)
        if matter.is_for_a_person:
            if truth("is_dry_run", self.is_dry_run):
                msg = f"dry run: would have asked a person ({record.headline})"
                raise AirflowSkipException(msg)
            self._ask(context, matter, report)
        self.log.info("Nobody needs to be asked: %s", record.headline)
        return Decided(verdict=record.verdict.value, headline=record.headline, decision=place)

    def execute_complete(self, context: "Context", event: object, asked: str) -> Decided:
        """
        A person has answered, or the time for it is up.

        *asked* is the hash of the record that was put before them.
        """
        from airflow_aml_retrain.operators.approval import Answer, Matter
        from airflow_aml_retrain.operators.decision import report_of

        answer = Answer.of(event)
        if not answer.is_approval:
            raise AirflowSkipException(str(answer))
        record, place = Matter.open(self).still(asked).approved(context, answer)
        show_report(context, report_of(place), wasb_conn_id=self.wasb_conn_id)
        self.log.info("%s", record.headline)
        self.log.info("The decision record is %s", place)
        return Decided(verdict=record.verdict.value, headline=record.headline, decision=place)

    def _ask(self, context: "Context", matter: "Matter", report: str) -> NoReturn:
        """
        Put the question, and wait for the answer as the standard provider's approval does.

        Its operators are not our base: importing them in a DAG file costs 22 modules.
        """
        from airflow.sdk import Param
        from airflow.sdk.exceptions import TaskAwaitingInput
        from airflow.sdk.execution_time.hitl import upsert_hitl_detail

        from airflow_aml_retrain.operators.approval import APPROVE, REJECT, WHY

        why = Param("", type=["null", "string"], title="Why", description="Kept with the decision")
        upsert_hitl_detail(
            ti_id=context["ti"].id,
            options=[APPROVE, REJECT],
            subject=f"Let this model into service? {matter.record.headline}",
            body=matter.evidence(report),
            defaults=[REJECT] if self.response_timeout else None,
            params={WHY: why.serialize()},
            assigned_users=list(self.assigned_users),
        )
        for notifier in self.notifiers:
            notifier(context)
        self.log.info("Waiting for a person to decide")
        # Templates are read anew when the task resumes, and may then name another decision.
        raise TaskAwaitingInput(
            method_name="execute_complete",
            kwargs={"asked": matter.record.sha256},
            timeout=self.response_timeout,
        )
