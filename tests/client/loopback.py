"""A real HTTP server on a free loopback port that says what a test tells it to say."""

import json
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread

import trustme


@dataclass(frozen=True, slots=True)
class Heard:
    """One request as it arrived; header names are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def line(self) -> str:
        return f"{self.method} {self.path}"

    def json(self) -> object:
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Say:
    """An answer; one that is *cut* promises a longer body than it sends."""

    body: object = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: bool = False


class Drop:
    """No answer at all: the connection ends."""


Reply = Say | Drop
Script = Callable[[Heard], Reply]


@dataclass(slots=True)
class Loopback:
    """What the server is reached by, says, and has heard."""

    url: str
    script: Script
    heard: list[Heard] = field(default_factory=list)
    open_connections: set[object] = field(default_factory=set)
    all_closed: Event = field(default_factory=Event)

    def says(self, *replies: Reply) -> None:
        """Answer with *replies* in turn, and with the last one for ever after."""
        waiting = iter(replies)
        last = replies[-1]
        self.script = lambda _: next(waiting, last)

    @property
    def lines(self) -> list[str]:
        return [each.line for each in self.heard]


@contextmanager
def loopback(tls: trustme.CA | None = None) -> Iterator[Loopback]:
    """Serve until the block ends; over TLS with a certificate of *tls* if that is given."""
    server = _Server(("127.0.0.1", 0), _Handler)
    if tls:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.issue_cert("127.0.0.1").configure_cert(context)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    scheme = "https" if tls else "http"
    loop = Loopback(f"{scheme}://127.0.0.1:{server.server_port}", lambda _: Say())
    server.loopback = loop
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield loop
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Server(ThreadingHTTPServer):
    loopback: Loopback

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of a client that hung up, which is what some tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        super().setup()
        self._told().open_connections.add(self)
        self._told().all_closed.clear()

    def finish(self) -> None:
        super().finish()
        told = self._told()
        told.open_connections.discard(self)
        if not told.open_connections:
            told.all_closed.set()

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except ConnectionError:
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Say nothing."""

    def do_GET(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        headers = {name.lower(): value for name, value in self.headers.items()}
        heard = Heard(self.command, self.path, headers, self.rfile.read(length))
        self._told().heard.append(heard)
        reply = self._told().script(heard)
        if isinstance(reply, Drop):
            self._hang_up()
        else:
            self._say(reply)

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815 - the library's names

    def _say(self, reply: Say) -> None:
        body = b"" if reply.body is None else json.dumps(reply.body).encode()
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) + 100 * reply.cut))
        self.end_headers()
        self.wfile.write(body)
        if reply.cut:
            self._hang_up()

    def _hang_up(self) -> None:
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_RDWR)
        self.close_connection = True

    def _told(self) -> Loopback:
        assert isinstance(self.server, _Server)
        return self.server.loopback
