"""What stands between a client and Azurite: it counts listings, and can be cut."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from airflow_aml_retrain.demo.azurite import Azurite


@dataclass
class WireTap:
    """Forwards to *azurite*; *listings* are the pages that were asked for."""

    azurite: Azurite
    port: int = 0
    listings: int = 0
    is_cut: bool = False
    refused: int = 0
    _open: set[asyncio.StreamWriter] = field(default_factory=set)

    @property
    def connection_string(self) -> str:
        return Azurite(self.port).connection_string

    def cut(self) -> None:
        """As when the network goes: what is open ends, and nothing else begins."""
        self.is_cut = True
        for writer in self._open:
            writer.transport.abort()

    def mend(self) -> None:
        self.is_cut = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.is_cut:
            self.refused += 1
            writer.transport.abort()
            return
        there, back = await asyncio.open_connection("127.0.0.1", self.azurite.port)
        self._open |= {writer, back}
        with suppress(ConnectionError):
            await asyncio.gather(self._pass(reader, back, counts=True), self._pass(there, writer))
        for end in (writer, back):
            self._open.discard(end)
            end.close()

    async def _pass(
        self, source: asyncio.StreamReader, target: asyncio.StreamWriter, *, counts: bool = False
    ) -> None:
        while block := await source.read(65536):
            if counts:
                self.listings += block.count(b"comp=list")
            target.write(block)
            await target.drain()
        target.close()


@asynccontextmanager
async def tapped(azurite: Azurite) -> AsyncIterator[WireTap]:
    tap = WireTap(azurite)
    server = await asyncio.start_server(tap.serve, "127.0.0.1", 0)
    tap.port = server.sockets[0].getsockname()[1]
    try:
        yield tap
    finally:
        tap.cut()
        server.close()
