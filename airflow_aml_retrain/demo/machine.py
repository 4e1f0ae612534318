"""
The identity of this machine: what a virtual machine in Azure has, the emulator gives to ours.

Law: it is the same one for whoever asks, so that Airflow can be told of it before there is any
web service, and no process is told of another one (`processes.inherited_environment`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Self

import requests  # noqa: TID253 - no DAG file imports the demo

from airflow_aml_retrain.demo.control import Emulator
from airflow_aml_retrain.demo.processes import DemoFailed
from airflow_aml_retrain.wire.secret import Secret

_TENANT: Final = "5ca1ab1e-0000-4000-8000-00000000000a"
_CLIENT: Final = "5ca1ab1e-0000-4000-8000-00000000000b"
_AUDIENCE: Final = "https://management.azure.com/"
_PATIENCE: Final = 60.0


@dataclass(frozen=True, slots=True)
class Machine:
    """A managed identity, which the emulator at *url* knows by *header*."""

    url: str
    header: str = field(repr=False)

    @classmethod
    def of(cls, emulator: Emulator, header: str = "") -> Self:
        """
        Make this machine known to *emulator*, if it is not yet; *header* is chosen if not given.

        Raises `DemoFailed` if it is known by another one.
        """
        ids = {"tenant_id": _TENANT, "client_id": _CLIENT}
        known = cls(
            emulator.url,
            str(emulator.control.principal(**ids, identity_header=header)["identity_header"]),
        )
        if header not in {"", known.header}:
            msg = (
                f"the emulator at {emulator.url} knows this machine by another identity header "
                "than the one given: give that one, or an emulator with an empty state folder"
            )
            raise DemoFailed(msg)
        return known

    @property
    def environment(self) -> Mapping[str, str]:
        """What makes a process here sign in as this machine, as `azure-identity` reads it."""
        return {"IDENTITY_ENDPOINT": self._endpoint, "IDENTITY_HEADER": self.header}

    def token(self) -> Secret:
        """A new token for Azure Resource Manager."""
        answer = requests.get(
            self._endpoint,
            params={"api-version": "2019-08-01", "resource": _AUDIENCE},
            headers={"X-IDENTITY-HEADER": self.header},
            timeout=_PATIENCE,
        )
        answer.raise_for_status()
        return Secret(answer.json()["access_token"])

    @property
    def _endpoint(self) -> str:
        return f"{self.url}/identity/token"
