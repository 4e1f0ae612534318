"""
What Airflow reads about this package: its connection forms, links and modules.

Law: pure data. Airflow loads this while it is still reading its own configuration, so nothing
of Airflow, and nothing that imports it, may be imported here.
"""

from typing import Any, Final

_NAME: Final = "Azure Machine Learning retraining"
_REGIONS: Final = ["asiasoutheast", "europewest", "japaneast", "ussouthcentral", "uswestcentral"]

_INSECURE_HOSTS: Final = {
    "label": "Insecure hosts",
    "description": "Hosts that may be spoken to by plain http, separated by commas",
    "schema": {"type": ["string", "null"]},
}

_STUDIO: Final = {
    "connection-type": "aml_studio",
    "hook-class-name": "airflow_aml_retrain.hooks.studio.AmlStudioHook",
    "hook-name": "Azure ML Studio workspace",
    "ui-field-behaviour": {
        "hidden-fields": ["schema", "login", "port"],
        "relabeling": {"host": "Management URL", "password": "Authorization token"},
        "placeholders": {
            "host": "only where there is no region: https://management.azureml.net",
            "password": "Studio: Settings, Authorization tokens",
        },
    },
    "conn-fields": {
        "workspace_id": {
            "label": "Workspace id",
            "description": "Studio: Settings, Name",
            "schema": {"type": ["string", "null"]},
        },
        "region": {
            "label": "Region",
            "description": "Leave empty if a management URL is given",
            "schema": {"type": ["string", "null"], "enum": [*_REGIONS, None]},
        },
        "insecure_hosts": _INSECURE_HOSTS,
    },
}

_SERVICE: Final = {
    "connection-type": "aml_service",
    "hook-class-name": "airflow_aml_retrain.hooks.service.AmlServiceHook",
    "hook-name": "Azure ML web service",
    "ui-field-behaviour": {
        "hidden-fields": ["schema", "login", "port"],
        "relabeling": {"host": "Service URL", "password": "API key"},
        "placeholders": {
            "host": "as copied from the help page, with or without /jobs?api-version=2.0",
            "password": "the endpoint's API key",
        },
    },
    "conn-fields": {
        "patch_url": {
            "label": "PATCH URL",
            "description": "Needed only to promote: the endpoint's PATCH URL from its help page",
            "schema": {"type": ["string", "null"]},
        },
        "insecure_hosts": _INSECURE_HOSTS,
    },
}


def get_provider_info() -> dict[str, Any]:
    return {
        "package-name": "airflow-aml-retrain",
        "name": _NAME,
        "description": (
            "Retrain the models behind Azure Machine Learning web services, "
            "and promote only the better ones."
        ),
        "integrations": [
            {
                "integration-name": _NAME,
                "external-doc-url": "https://learn.microsoft.com/azure/machine-learning/",
                "tags": ["azure"],
            }
        ],
        "connection-types": [_STUDIO, _SERVICE],
        "hooks": [_modules("hooks", "resource_manager", "service", "storage", "studio")],
        "operators": [
            _modules(
                "operators",
                "anchor",
                "approve",
                "create",
                "definition",
                "evaluate",
                "many",
                "patch",
                "prepare",
                "release",
                "rollback",
                "score",
                "submit",
                "update",
            )
        ],
        "sensors": [_modules("sensors", "data", "job")],
        "triggers": [_modules("triggers", "data", "enough", "job", "jobs", "update")],
        "extra-links": [
            f"airflow_aml_retrain.links.task.{link}"
            for link in ("EndpointLink", "JobLink", "ReportLink")
        ],
    }


def _modules(room: str, *names: str) -> dict[str, Any]:
    """The modules of *room* in which there is something for a user."""
    modules = [f"airflow_aml_retrain.{room}.{name}" for name in names]
    return {"integration-name": _NAME, "python-modules": modules}
