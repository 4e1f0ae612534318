"""
# Go back, by hand.

**rollback_endpoint** puts the model that served before back into service and freezes promotions
of the endpoint; **unfreeze_endpoint** releases them again. Both are started by a person, with the
button *Trigger*. For a new web service name its connection, and leave the endpoint empty.
Where a change is pending that no run can settle, look at the endpoint, and tick *Accept*.
"""

from airflow.sdk import DAG, Param

from airflow_aml_retrain.operators.rollback import (
    RollbackEndpointOperator,
    UnfreezeEndpointOperator,
)

WHERE = {
    "service": Param("Census", type="string", title="Web service"),
    "endpoint": Param("production", type=["null", "string"], title="Endpoint"),
    "conn_id": Param("aml_studio_default", type="string", title="Connection"),
    "accept_pending": Param(
        default=False,
        type="boolean",
        title="Accept",
        description="End a pending change: what the endpoint names now counts as what serves",
    ),
}

with DAG(
    "rollback_endpoint",
    description="Put the earlier model back into service, and freeze promotions",
    doc_md=__doc__,
    schedule=None,
    params={
        **WHERE,
        "archive": Param(
            None,
            type=["null", "string"],
            title="Archived model",
            description="container/path of the model to go back to; empty: the one before",
        ),
        "why": Param(
            "rolled back by hand",
            type="string",
            minLength=1,
            title="Why",
            description="Every promotion refused meanwhile will say so",
        ),
    },
    tags=["azure-ml", "by hand"],
) as rollback:
    RollbackEndpointOperator(
        task_id="roll_back",
        service="{{ params.service }}",
        endpoint="{{ params.endpoint }}",
        conn_id="{{ params.conn_id }}",
        accept_pending="{{ params.accept_pending }}",
        archive="{{ params.archive }}",
        why="{{ params.why }}",
    )

with DAG(
    "unfreeze_endpoint",
    description="Release the promotions of an endpoint",
    doc_md=__doc__,
    schedule=None,
    params={
        **WHERE,
        "why": Param(
            "accepted by hand",
            type="string",
            minLength=1,
            title="Why",
            description="The champion record will say so, where a pending change is accepted",
        ),
    },
    tags=["azure-ml", "by hand"],
) as unfreeze:
    UnfreezeEndpointOperator(
        task_id="unfreeze",
        service="{{ params.service }}",
        endpoint="{{ params.endpoint }}",
        conn_id="{{ params.conn_id }}",
        accept_pending="{{ params.accept_pending }}",
        why="{{ params.why }}",
    )
