"""
# Keep the census model fresh.

Every month the census model is **retrained** on all data that has landed, **evaluated** against
the model in service on an audited hold-out, and **promoted** only if it is shown to be no worse.

| task | what it does |
|---|---|
| `create_endpoints` | makes `production`, `staging` and `anchor` where they are missing |
| `prepare` | joins the landed data up to the cut-off, and the audited hold-out |
| `submit`, `wait` | the batch job that retrains, awaited without a worker |
| `stage` | puts the retrained model on an endpoint that serves nobody |
| `anchor` | keeps the model that a person approved last on another; skipped while it serves |
| `score_champion`, `score_challenger`, `score_anchor` | all models over the same rows |
| `evaluate` | the gate; it returns the verdict and where the decision record lies |
| `approve` | asks a person where the policy wants that; passed by, or skipped, where it does not |
| `promote` | the new model into service, seen serving, or undone; skipped if it was not better |

**Trigger** asks for a data cut-off, a policy, and whether to only decide (dry run).
"""

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, Param

from airflow_aml_retrain.journeys.retrain import retrain_and_promote
from airflow_aml_retrain.operators.create import CreateEndpointOperator

POLICY = {
    "data": {"label": "income"},
    "checks": [
        {"metric": "auc", "vs": "champion", "margin": 0.002},
        {"metric": "log_loss", "vs": "champion", "margin": 0.005},
        {"metric": "auc", "at_least": 0.8},
    ],
}

with DAG(
    "retrain_on_schedule",
    description="Retrain the census model every month; promote it only if it is better",
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
    endpoints = CreateEndpointOperator.partial(
        task_id="create_endpoints", service="Census", map_index_template="{{ task.endpoint }}"
    ).expand(endpoint=["production", "staging", "anchor"])

    endpoints >> retrain_and_promote(
        source="data/census/landing/",
        date_pattern="%Y-%m-%d",
        holdout_source="data/census/audited/",
        label="income",
        training_service="Census training",
        service="Census",
        data_cutoff="{{ params.data_cutoff }}",
        policy="{{ params.policy | tojson }}",
        dry_run="{{ params.dry_run }}",
        # The emulator trains in seconds. Much below this, Airflow 3.3.2 can resume a task before
        # its scheduler has heard that the process which deferred it ended, and tries it again.
        poll_interval=6,
    )
