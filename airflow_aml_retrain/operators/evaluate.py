"""Deciding whether a retrained model may replace the one in service."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypedDict

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException

from airflow_aml_retrain.links.task import ReportLink, show_report
from airflow_aml_retrain.operators.score import ScoredData

if TYPE_CHECKING:
    from airflow.sdk import Context


class Decided(TypedDict):
    """The verdict, why in one line, and where the decision record lies ("container/path")."""

    verdict: str
    headline: str
    decision: str


class EvaluateModelOperator(BaseOperator):
    """
    Compare a retrained model with the champion, and write the decision down.

    Both have scored the same rows (*champion*, *challenger*); or the training job evaluated its
    model itself (*evaluation*). Nothing is promoted by default: no policy, no rows, a NaN, an
    unreadable file or a staging model that was changed meanwhile end in INVALID, which fails the
    task at once. PROMOTE, REJECT and INCONCLUSIVE leave it green. The record is written whatever
    the verdict. Returns `Decided`.

    :param policy: The rules, as a mapping, or its YAML or JSON: see docs/policy.md. (templated)
    :param champion: What `ScoreBatchOperator` returned of the production endpoint. (templated)
    :param challenger: The same of the staging endpoint. (templated)
    :param anchor: The same of the anchor's endpoint, by which slow decay is noticed; None where
        nothing was scored by it. (templated)
    :param candidate: What `PatchEndpointOperator(role="staging")` returned. (templated)
    :param rows: The rows that both scored, "container/path"; the promotion is proven by some of
        them. (templated)
    :param evaluation: Instead of the four above: the reference of the training job, whose output
        holds its evaluation. (templated)
    :param evaluation_output: The job's output that is the evaluation. Default: the only table.
    :param champion_evaluation: An earlier evaluation CSV, "container/path", for comparisons with
        the champion. Where a champion serves and a required check compares with it, nothing is
        judged without. (templated)
    :param trainer_service: The web service that ran *evaluation*. (templated)
    :param trainer_endpoint: Its endpoint. (templated)
    :param service: The web service to promote into; with *evaluation*. (templated)
    :param endpoint: Its production endpoint; with *evaluation*. (templated)
    :param p95_latency: Seconds by model ("champion", "challenger"), for a policy that limits the
        latency. (templated)
    :param data_cutoff: Up to when the candidate's data reached, ISO 8601. (templated)
    :param records: Where decision records lie, "container/prefix". (templated)
    :param archives: Where models are kept, "container/prefix"; with *evaluation*. (templated)
    :param conn_id: The workspace, or the one service. (templated)
    :param wasb_conn_id: The storage connection. (templated)
    """

    template_fields: Sequence[str] = (
        "policy",
        "champion",
        "challenger",
        "anchor",
        "candidate",
        "rows",
        "evaluation",
        "champion_evaluation",
        "trainer_service",
        "trainer_endpoint",
        "service",
        "endpoint",
        "p95_latency",
        "data_cutoff",
        "records",
        "archives",
        "conn_id",
        "wasb_conn_id",
    )
    template_fields_renderers = {"policy": "json", "candidate": "json"}  # noqa: RUF012 - Airflow's
    operator_extra_links = (ReportLink(),)
    ui_color = "#fff0f5"

    def __init__(
        self,
        *,
        policy: Mapping[str, Any] | str | None,
        champion: ScoredData | str | None = None,
        challenger: ScoredData | str | None = None,
        anchor: ScoredData | str | None = None,
        candidate: Mapping[str, Any] | str | None = None,
        rows: str | None = None,
        evaluation: str | None = None,
        evaluation_output: str | None = None,
        champion_evaluation: str | None = None,
        trainer_service: str | None = None,
        trainer_endpoint: str | None = None,
        service: str | None = None,
        endpoint: str | None = None,
        p95_latency: Mapping[str, float] | str | None = None,
        data_cutoff: str | None = None,
        records: str = "aml-retrain/records",
        archives: str = "aml-retrain/archives",
        conn_id: str = "aml_studio_default",
        wasb_conn_id: str = "wasb_default",
        **kwargs: Any,
    ) -> None:
        # Each key an XCom of its own, so that `task.output["key"]` can be handed on.
        super().__init__(**{"multiple_outputs": True, **kwargs})
        self.policy = policy
        self.champion = champion
        self.challenger = challenger
        self.anchor = anchor
        self.candidate = candidate
        self.rows = rows
        self.evaluation = evaluation
        self.evaluation_output = evaluation_output
        self.champion_evaluation = champion_evaluation
        self.trainer_service = trainer_service
        self.trainer_endpoint = trainer_endpoint
        self.service = service
        self.endpoint = endpoint
        self.p95_latency = p95_latency
        self.data_cutoff = data_cutoff
        self.records = records
        self.archives = archives
        self.conn_id = conn_id
        self.wasb_conn_id = wasb_conn_id

    def execute(self, context: "Context") -> Decided:
        from airflow_aml_retrain.gate.verdict import Verdict
        from airflow_aml_retrain.operators.decision import decided, report_of

        record, place = decided(self, context)
        show_report(context, report_of(place), wasb_conn_id=self.wasb_conn_id)
        outcome = Decided(verdict=record.verdict.value, headline=record.headline, decision=place)
        self.log.info("%s", record.headline)
        self.log.info("The decision record is %s", place)
        if record.verdict is Verdict.INVALID:
            context["ti"].xcom_push(key="return_value", value=outcome)
            raise AirflowFailException(record.headline)
        return outcome
