"""
# Keep many census models fresh.

One model for each region: one endpoint each, one experiment for all. A table says which there are;
every month each of them is **retrained** on its own data, **evaluated** against the one in service,
and **promoted** only if it is shown to be no worse. One bad model stops no other.

| task | what it does |
|---|---|
| `table` | reads the table of models: a CSV blob, or an Airflow Variable |
| `models` | each model's endpoints, made where they are missing, and its whole journey |
| `summary` | says of every model whether it was promoted, kept, or failed, and why |

The journeys are those of `retrain_on_schedule`; no more than 40 models train at a time, which is
what the service runs at once. The table has the columns `model`, which names the endpoint,
`source`, where its data lands, and, for audited hold-outs, `holdout_source`:

    model,source,holdout_source
    north,data/north/landing,data/north/audited
    south,data/south/landing,data/south/audited

**Trigger** asks for the table, a data cut-off, a policy, and whether to only decide (dry run).
"""

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, Param

from airflow_aml_retrain.journeys.many import retrain_many_and_promote

POLICY = {
    "data": {"label": "income"},
    "checks": [
        {"metric": "auc", "vs": "champion", "margin": 0.002},
        {"metric": "auc", "at_least": 0.8},
    ],
}

with DAG(
    "retrain_many_models",
    description="Retrain a census model for each region; promote those that are better",
    doc_md=__doc__,
    schedule="@monthly",
    start_date=datetime(2026, 10, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": timedelta(seconds=10)},
    params={
        "table": Param(
            "data/models.csv",
            type="string",
            title="Table of models",
            description="container/path of a CSV blob, or the name of an Airflow Variable",
        ),
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
    retrain_many_and_promote(
        table="{{ params.table }}",
        training_service="Census training",
        service="Census",
        max_active_jobs=40,
        date_pattern="%Y-%m-%d",
        label="income",
        data_cutoff="{{ params.data_cutoff }}",
        policy="{{ params.policy | tojson }}",
        dry_run="{{ params.dry_run }}",
        # The emulator trains in seconds; see `retrain_on_schedule`.
        poll_interval=6,
    )
