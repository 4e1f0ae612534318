"""A new web service for the tests: its definition as a reading returns it, with a trained model."""

from typing import Any

from airflow_aml_retrain.wire.arm import ArmVerbs, DefinitionVerbs
from airflow_aml_retrain.wire.blobs import ModelBlob
from airflow_aml_retrain.wire.conversation import Response
from airflow_aml_retrain.wire.secret import Secret
from tests.wire.rehearsal import answered

HOST = "https://management.azure.com"
SUBSCRIPTION = f"{HOST}/subscriptions/s1"
ID = "/subscriptions/s1/resourceGroups/g1/providers/Microsoft.MachineLearning/webServices/census"
URL = HOST + ID
ASKED = f"{URL}?api-version=2017-01-01"
API = "https://ussouthcentral.services.azureml.net/subscriptions/s1/services/abc"
OPERATION = (
    f"{SUBSCRIPTION}/providers/Microsoft.MachineLearning/locations/southcentralus"
    "/operationsStatus/o1?api-version=2017-01-01"
)
STORAGE = "https://store.blob.core.windows.net"
OLD = f"{STORAGE}/experimentoutput/old.ilearner"
NEW = f"{STORAGE}/models/new.ilearner"
NAME = "Census\u00a0[trained model]"
MODEL = ModelBlob(f"{STORAGE}/", "models/new.ilearner", Secret("?sv=1&sig=abc%3D"))
VERBS = ArmVerbs(API, DefinitionVerbs(URL))


def asset(name: str, uri: str, kind: str = "Resource", **more: object) -> dict[str, Any]:
    return {"name": name, "type": kind, "locationInfo": {"uri": uri, **more}}


def definition(**changed: object) -> dict[str, Any]:
    """What a reading says; *changed* are properties, and None takes one out."""
    properties: dict[str, object] = {
        "provisioningState": "Succeeded",
        "createdOn": "2017-04-26T17:05:31.0254444Z",
        "modifiedOn": "2017-04-26T17:05:47.0836377Z",
        "title": "Census",
        "swaggerLocation": f"{API}/swagger.json",
        "readOnly": False,
        "storageAccount": {"name": "store"},
        "packageType": "Graph",
        "assets": {
            "asset1": asset("Score Model", "aml://module/1.v1", "Module", credentials=""),
            "asset2": asset(NAME, OLD),
            "asset3": asset("states.csv", f"{STORAGE}/data/states.csv"),
        },
        "package": {
            "nodes": {"node1": {"assetId": "asset1"}, "node2": {"assetId": "asset2"}},
            "edges": [{"sourceNodeId": "node2", "targetNodeId": "node1"}],
        },
    }
    properties |= changed
    kept = {name: value for name, value in properties.items() if value is not None}
    return {"id": ID, "name": "census", "location": "South Central US", "properties": kept}


def at(uri: str, **changed: object) -> Response:
    """The reading of a service whose model is at *uri*."""
    said = definition(**changed)
    said["properties"]["assets"]["asset2"]["locationInfo"]["uri"] = uri
    return answered(said)


def accepted(operation: str = OPERATION) -> Response:
    """The stub with which a PATCH is answered, and where its operation is."""
    stub = definition() | {"properties": {"provisioningState": "Provisioning"}}
    return answered(stub, 200, {"azure-asyncoperation": operation} if operation else {})


def saying(status: str, **more: object) -> Response:
    """What an operation says of itself."""
    return answered({"id": "o1", "name": "o1", "status": status, **more})
