"""The clouds of Azure: where each keeps its Resource Manager, and who vouches for whom there."""

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from airflow_aml_retrain.errors import NotConfigured


@dataclass(frozen=True, slots=True)
class Cloud:
    resource_manager: str
    authority: str

    @property
    def scope(self) -> str:
        """What a token for this cloud's Resource Manager is asked for."""
        return f"{self.resource_manager}/.default"


CLOUDS: Final = {
    "AzurePublicCloud": Cloud("https://management.azure.com", "https://login.microsoftonline.com"),
    "AzureUSGovernment": Cloud(
        "https://management.usgovcloudapi.net", "https://login.microsoftonline.us"
    ),
    "AzureChinaCloud": Cloud(
        "https://management.chinacloudapi.cn", "https://login.chinacloudapi.cn"
    ),
}
"""By the names that the Microsoft provider's `cloud_environment` has for them."""

_PUBLIC: Final = "AzurePublicCloud"


def cloud(name: str, resource_manager_url: str = "") -> Cloud:
    """
    The cloud of that name; without one, the cloud that has *resource_manager_url*, or the public.

    Raises `NotConfigured` for a name that is not one of `CLOUDS`.
    """
    if not name:
        host = urlsplit(resource_manager_url).hostname
        known = (
            each for each in CLOUDS.values() if urlsplit(each.resource_manager).hostname == host
        )
        return next(known, CLOUDS[_PUBLIC])
    if name not in CLOUDS:
        msg = f"cloud_environment {name!a} is not one of {', '.join(CLOUDS)}"
        raise NotConfigured(msg)
    return CLOUDS[name]
