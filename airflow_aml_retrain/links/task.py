"""
The buttons of a task in Airflow's UI: to its job, its endpoint, its decision.

Law: a link is a finished URL without a secret, which the operator left in XCom with `persist`.
So showing it asks nobody: no connection is read, and no service is called.
"""

import re
from typing import TYPE_CHECKING, Final

from airflow.sdk import BaseOperatorLink

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator, Context
    from airflow.sdk.types import TaskInstanceKey

_SECRET: Final = re.compile(r"[?&](sig|api-?key|token)=|//[^/]*@", re.IGNORECASE)


class RememberedLink(BaseOperatorLink):
    """A link that an operator left in XCom; empty until then."""

    def get_link(self, operator: "BaseOperator", *, ti_key: "TaskInstanceKey") -> str:
        from airflow.sdk.execution_time.xcom import XCom

        return str(XCom.get_value(ti_key=ti_key, key=self.xcom_key) or "")


class JobLink(RememberedLink):
    """The batch job that the task submitted, waits for, or used."""

    name = "Job"


class EndpointLink(RememberedLink):
    """The endpoint that the task spoke to or changed."""

    name = "Endpoint"


def persist(context: "Context", link: type[RememberedLink], url: str) -> None:
    """Leave *url* for the button *link* of the running task."""
    if _SECRET.search(url):
        msg = f"the URL for {link.__name__} would show a secret in Airflow's UI"
        raise ValueError(msg)
    context["ti"].xcom_push(key=link().xcom_key, value=url)
