"""
# Retrain the census model when new data lands.

A watcher looks at the landing zone. When new or changed blobs have **settled** it writes down
which they are, and wakes this DAG. The run is then a journey like any other: it **retrains** on
all data that was delivered so far, up to the batch that woke it, **evaluates** on a fifth of the
rows, which no training ever sees, and **promotes** only what is shown to be no worse.

| task | what it does |
|---|---|
| `create_endpoints` | makes `daily`, `daily-staging` and `daily-anchor` where they are missing |
| `prepare` | joins all that was delivered; skipped, with all after it, where nothing is new |
| `submit`, `wait` | the batch job that retrains, awaited without a worker |
| `stage` ... `promote` | the journey of `retrain_on_schedule` |

The model has a landing zone and endpoints of its own, so that it and the one of
`retrain_on_schedule` do not get in each other's way.

Which rows are held out follows from the rows themselves, so a row that was once held out always is.
Events only wake: what a run learns from is asked of the watcher's ledger, and so neither a
doubled event nor a lost one matters.

**Trigger** retrains on everything by hand.
"""

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, Asset, AssetWatcher, Param

from airflow_aml_retrain.journeys.retrain import retrain_and_promote
from airflow_aml_retrain.operators.create import CreateEndpointOperator
from airflow_aml_retrain.triggers.data import NewDataTrigger

LANDING = "data/census/daily/"
POLICY = {
    "data": {"label": "income"},
    "checks": [
        {"metric": "auc", "vs": "champion", "margin": 0.01},
        {"metric": "log_loss", "vs": "champion", "margin": 0.01},
    ],
}

landed = Asset(
    "census_landing",
    uri=f"wasb://{LANDING}",
    watchers=[
        AssetWatcher(
            name="census_landing", trigger=NewDataTrigger(LANDING, settle=60, poll_interval=30)
        )
    ],
)

with DAG(
    "retrain_on_new_data",
    description="Retrain the census model when data lands; promote it only if it is better",
    doc_md=__doc__,
    schedule=[landed],
    start_date=datetime(2026, 10, 1, tzinfo=UTC),
    # The next batches wait for this run, and are learned from together.
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": timedelta(seconds=10)},
    params={
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
    ).expand(endpoint=["daily", "daily-staging", "daily-anchor"])

    endpoints >> retrain_and_promote(
        source=LANDING,
        arrivals=True,
        holdout_fraction=0.2,
        label="income",
        training_service="Census training",
        service="Census",
        endpoint="daily",
        staging_endpoint="daily-staging",
        anchor_endpoint="daily-anchor",
        policy="{{ params.policy | tojson }}",
        dry_run="{{ params.dry_run }}",
        poll_interval=6,
    )
