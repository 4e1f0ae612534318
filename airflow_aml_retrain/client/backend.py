"""
One endpoint as the rest of the package holds it: its verbs, its keys, and two ways of speaking.

A `Channel` is the way of speaking alone: whose keys, to which hosts. A `Backend` is a channel to
one endpoint. Neither prints a secret, and neither crosses a process: ids do.
"""

import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import cached_property
from types import TracebackType
from typing import Final, Self, TypeVar

from airflow_aml_retrain.client import drive
from airflow_aml_retrain.client.hosts import HostRule
from airflow_aml_retrain.client.keyring import Keyring
from airflow_aml_retrain.client.pool import Lease
from airflow_aml_retrain.client.transport import AsyncTransport, BlockingTransport
from airflow_aml_retrain.wire.conversation import Conversation
from airflow_aml_retrain.wire.jobs import JobId
from airflow_aml_retrain.wire.references import job_of, job_reference
from airflow_aml_retrain.wire.verbs import Verbs

T = TypeVar("T")

_BLOCKING: Final = 600.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Channel:
    """
    Conversations with the keys of *keyring*, to hosts that *hosts* allows.

    *ca_bundle* is a PEM file of the authorities to trust in place of the machine's.

    Blocking ones keep their connections until `close`, or the end of a `with`. Asynchronous ones
    need no closing: their connections live while one of the event loop's conversations does, or
    as long as an `async with`.
    """

    keyring: Keyring
    hosts: HostRule
    ca_bundle: str = ""

    def run(self, conversation: Conversation[T], *, until: float | None = None) -> T:
        """
        Hold *conversation*; past *until* (epoch seconds) `DeadlineExceeded` is raised.

        It keeps a worker busy, so without *until* it may take ten minutes and not longer.
        """
        deadline = time.time() + _BLOCKING if until is None else until
        return drive.run(conversation, self._transport, until=deadline)

    async def arun(self, conversation: Conversation[T], *, until: float | None = None) -> T:
        """The same without blocking; cancelling the task ends the conversation."""
        async with Lease():
            return await drive.arun(conversation, self._async_transport, until=until)

    def close(self) -> None:
        self._transport.close()

    async def aclose(self) -> None:
        """Nothing to do outside an `async with`: the last conversation closed what there was."""
        await self._lease.aclose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        await self._lease.enter_async_context(Lease())
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    @cached_property
    def _transport(self) -> BlockingTransport:
        return BlockingTransport(self.keyring, self.hosts, self.ca_bundle)

    @cached_property
    def _async_transport(self) -> AsyncTransport:
        return AsyncTransport(self.keyring, self.hosts, self.ca_bundle)

    @cached_property
    def _lease(self) -> AsyncExitStack:
        return AsyncExitStack()


@dataclass(frozen=True, kw_only=True, eq=False)
class Backend(Channel):
    """
    One endpoint of one web service.

    *name* is for people ("workspace/service/endpoint"), *uri* names the endpoint as an asset and
    holds no secret, *api_url* is what job references begin with.
    """

    name: str
    uri: str
    verbs: Verbs
    api_url: str

    def reference(self, job: JobId) -> str:
        """The URL that names *job* to other tasks; it holds no secret."""
        return job_reference(self.api_url, job)

    def job(self, reference: str) -> JobId:
        """The job that *reference* names; `BadInput` if it belongs to another service."""
        return job_of(reference, self.api_url)
