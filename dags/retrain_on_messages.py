"""
# Retrain the census model when Azure says that a blob was created.

For those who have Event Grid: data and endpoints are those of `retrain_on_new_data`, in place of
which it is. A subscription of the storage account sends `BlobCreated` to a queue of Service Bus;
the Microsoft provider's own trigger reads it and wakes this DAG.

What to set up once:

* a queue `census-landing` of Service Bus, and the connection `azure_service_bus_default` to it
* an Event Grid subscription of the storage account: event type `Microsoft.Storage.BlobCreated`,
  endpoint the queue, filter *subject begins with*
  `/blobServices/default/containers/data/blobs/census/daily/` (or this DAG's own results would
  wake it)

A message is then the event, and may be in either of Event Grid's schemas:

```json
{
  "eventType": "Microsoft.Storage.BlobCreated",
  "subject": "/blobServices/default/containers/data/blobs/census/daily/2026-11-07.csv",
  "eventTime": "2026-11-07T04:10:00Z",
  "data": {"api": "PutBlob", "eTag": "0x8DC", "contentLength": 190211, "blobType": "BlockBlob"}
}
```

It **only wakes**: `prepare` looks into storage itself, writes down what nobody has learned from,
and learns from everything (`take_stock`). So a message that is lost, doubled or late neither
loses nor doubles data, and nothing in it is trusted. A run that finds nothing new is skipped.
"""

from datetime import UTC, datetime, timedelta

from airflow.providers.microsoft.azure.triggers.message_bus import AzureServiceBusQueueTrigger
from airflow.sdk import DAG, Asset, AssetWatcher, Param

from airflow_aml_retrain.journeys.retrain import retrain_and_promote
from airflow_aml_retrain.operators.create import CreateEndpointOperator

POLICY = {
    "data": {"label": "income"},
    "checks": [
        {"metric": "auc", "vs": "champion", "margin": 0.01},
        {"metric": "log_loss", "vs": "champion", "margin": 0.01},
    ],
}

# The trigger itself and not `MessageQueueTrigger`, which makes every queue provider that is
# installed whenever this file is parsed.
created = Asset(
    "census_blob_created",
    uri="servicebus://census-landing",
    watchers=[
        AssetWatcher(
            name="census_blob_created",
            trigger=AzureServiceBusQueueTrigger(queues=["census-landing"], poll_interval=30),
        )
    ],
)

with DAG(
    "retrain_on_messages",
    description="Retrain the census model when Event Grid tells of a new blob",
    doc_md=__doc__,
    schedule=[created],
    start_date=datetime(2026, 10, 1, tzinfo=UTC),
    # A hundred blobs are a hundred messages: they wait for this run, and make one more.
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
        source="data/census/daily/",
        arrivals=True,
        take_stock=True,
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
