"""
# Keep the census model of a new web service fresh.

The same journey as in `retrain_on_schedule`, for a web service of Azure Resource Manager: the
batch job is the same, and the model is promoted by an **update of the service's definition**.
A new web service has no second endpoint, so the retrained model is judged on a twin,
`census-staging`, a second web service that serves nobody; another, `census-anchor`, keeps the model
that a person approved last.

| task | what it does |
|---|---|
| `export` | keeps the definition as it is now, as JSON that can be reviewed |
| `create_twins` | makes the twins where they are missing |
| `prepare` | joins the landed data up to the cut-off, and the audited hold-out |
| `submit`, `wait` | the batch job that retrains, awaited without a worker |
| `stage` | updates the twin's definition, and waits until it answers with the retrained model |
| `anchor` | keeps the model that a person approved last on its twin; skipped while it serves |
| `score_champion`, `score_challenger`, `score_anchor` | all models over the same rows |
| `evaluate` | the gate; it returns the verdict and where the decision record lies |
| `approve` | asks a person where the policy wants that; passed by, or skipped, where it does not |
| `promote` | updates the definition, awaited without a worker; then seen serving, or undone |

**Trigger** asks for a data cut-off, a policy, and whether to only decide (dry run).
"""

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, Param

from airflow_aml_retrain.journeys.retrain import retrain_and_promote
from airflow_aml_retrain.operators.create import CreateTwinOperator
from airflow_aml_retrain.operators.definition import ExportDefinitionOperator

POLICY = {
    "data": {"label": "income"},
    "checks": [
        {"metric": "auc", "vs": "champion", "margin": 0.002},
        {"metric": "log_loss", "vs": "champion", "margin": 0.005},
        {"metric": "auc", "at_least": 0.8},
    ],
}

with DAG(
    "retrain_new_web_service",
    description="Retrain the census model of a new web service; promote it only if it is better",
    doc_md=__doc__,
    schedule="@monthly",
    start_date=datetime(2026, 10, 1, tzinfo=UTC),
    catchup=True,
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": timedelta(seconds=10)},
    params={
        "data_cutoff": Param(
            None,
            type=["null", "string"],
            format="date-time",
            title="Data cut-off",
            description="Only data that landed before; empty: when the run was due",
        ),
        "policy": Param(POLICY, type="object", title="Policy", description="The gate's rules"),
        "dry_run": Param(
            False,  # noqa: FBT003 - the form's default
            type="boolean",
            title="Dry run",
            description="Decide, and promote nothing",
        ),
    },
    tags=["azure-ml", "retraining"],
) as dag:
    export = ExportDefinitionOperator(task_id="export", service="models/census")

    twins = CreateTwinOperator.partial(
        task_id="create_twins",
        service="models/census",
        commitment_plan="models/plan",
        map_index_template="{{ task.twin }}",
    ).expand(twin=["models/census-staging", "models/census-anchor"])

    [export, twins] >> retrain_and_promote(
        source="data/census/landing/",
        date_pattern="%Y-%m-%d",
        holdout_source="data/census/audited/",
        label="income",
        training_service="models/census-training",
        service="models/census",
        staging_service="models/census-staging",
        anchor_service="models/census-anchor",
        conn_id="azure_default",
        data_cutoff="{{ params.data_cutoff }}",
        policy="{{ params.policy | tojson }}",
        dry_run="{{ params.dry_run }}",
        poll_interval=6,
    )
