"""Serving the emulator: on a socket, in this thread or in another."""

import socket
import threading
import time
from types import TracebackType
from typing import Self

import uvicorn

from airflow_aml_retrain.emulator.app import create_app
from airflow_aml_retrain.emulator.front import Front
from airflow_aml_retrain.emulator.settings import EmulatorSettings
from airflow_aml_retrain.emulator.site import Clock, Trainer
from airflow_aml_retrain.emulator.storage import Storage
from airflow_aml_retrain.emulator.store import Store
from airflow_aml_retrain.emulator.tls import Certificate
from airflow_aml_retrain.emulator.workers import Workers

_ALIVE = 5


def furnish(
    settings: EmulatorSettings, clock: Clock = time.time, trainer: Trainer | None = None
) -> Front:
    """The application with a real store, real storage and, without a *trainer*, real workers."""
    # What can be refused comes first: processes that were started would be left behind.
    storage, store = Storage(settings.storage), Store(settings.state / "emulator.sqlite")
    trainer = trainer or Workers(settings.workers)
    return create_app(settings, store=store, trainer=trainer, storage=storage, clock=clock)


def server(app: Front, certificate: Certificate | None = None) -> uvicorn.Server:
    config = uvicorn.Config(
        app,
        # Our own log has no query strings; uvicorn's would.
        access_log=False,
        log_config=None,
        lifespan="on",
        # Only the Resource Manager's answers name a server, and not this one.
        server_header=False,
        # Not uvloop: it does not close while a client that refused our certificate is connected.
        loop="asyncio",
        timeout_graceful_shutdown=_ALIVE,
        ssl_certfile=None if certificate is None else str(certificate.chain),
        ssl_keyfile=None if certificate is None else str(certificate.key),
    )
    return uvicorn.Server(config)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; *port* 0 takes a free one."""
    return socket.create_server((host, port), backlog=128)


class Served:
    """
    The emulator on a free loopback port, in a thread, for as long as the `with` lasts.

    *url* is where: over https if there is a *certificate*.
    """

    def __init__(
        self,
        settings: EmulatorSettings,
        *,
        clock: Clock = time.time,
        trainer: Trainer | None = None,
        certificate: Certificate | None = None,
    ) -> None:
        self._server = server(furnish(settings, clock, trainer), certificate)
        self._socket = listen("127.0.0.1", 0)
        self._thread = threading.Thread(target=self._serve, name="emulator", daemon=True)
        scheme = "http" if certificate is None else "https"
        self.url = f"{scheme}://127.0.0.1:{self._socket.getsockname()[1]}"

    @property
    def control(self) -> str:
        """The URL of the control API."""
        return f"{self.url}/_emulator"

    def __enter__(self) -> Self:
        self._thread.start()
        while not self._server.started:
            if not self._thread.is_alive():
                msg = "the emulator did not start; its log says why"
                raise RuntimeError(msg)
            self._thread.join(0.02)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        self._server.run(sockets=[self._socket])
