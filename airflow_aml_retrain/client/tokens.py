"""
One principal's token for one scope, asked for as seldom as may be.

Law: a token is renewed `EARLY` seconds before its end, and at once when a service refuses it;
while there is one that has not ended, no outage of whoever gives them out is felt.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from airflow_aml_retrain.client.identity import Acquired, IdentitySettings, aacquire, acquire
from airflow_aml_retrain.errors import ServiceUnavailable
from airflow_aml_retrain.wire.secret import Secret

EARLY: Final = 300.0
"""Seconds before its end at which a token is renewed; half its life if that is shorter."""

REST: Final = 5.0
"""Seconds for which nobody asks again after there was no answer."""

# A machine that once had an identity has one, whatever it does not say now.
_proven: Final = set[int]()


class Tokens:
    """
    Tokens of *settings* for *scope*; *clock* gives epoch seconds.

    Share one among all who are the same principal, in one event loop or in blocking code.
    `token` and `atoken` raise `NotConfigured` where the principal is refused, and
    `ServiceUnavailable` where there is no answer. *on_renewal* is told every new token, so that a
    log masker may know it.
    """

    def __init__(
        self,
        settings: IdentitySettings,
        scope: str,
        clock: Callable[[], float] = time.time,
        *,
        on_renewal: Callable[[Secret], object] = lambda _secret: None,
    ) -> None:
        self._settings = settings
        self._scope = scope
        self._clock = clock
        self._held: Acquired | None = None
        self._due = 0.0
        self._lock = threading.Lock()
        self._alock = asyncio.Lock()
        self.on_renewal = on_renewal

    @property
    def held(self) -> Secret | None:
        """The token that there is, good or not; nothing is asked."""
        return self._held.token if self._held else None

    def token(self) -> Secret:
        with self._lock:
            if self._is_due():
                with self._making_do():
                    self._keep(acquire(self._settings, self._scope, proven=self._is_proven))
            return self._good()

    async def atoken(self) -> Secret:
        """The same without blocking; a crowd that wants a token asks once."""
        async with self._alock:
            if self._is_due():
                with self._making_do():
                    got = await aacquire(self._settings, self._scope, proven=self._is_proven)
                    self._keep(got)
            return self._good()

    def forget(self, refused: Secret | None) -> None:
        """Do not use *refused* again; a token that has come since is kept."""
        if self._held is not None and self._held.token == refused:
            self._held, self._due = None, 0.0

    @property
    def _is_proven(self) -> bool:
        return hash((self._settings, self._scope)) in _proven

    def _is_due(self) -> bool:
        return self._clock() >= self._due

    def _keep(self, acquired: Acquired) -> None:
        now = self._clock()
        self._held = acquired
        self._due = acquired.expires - min(EARLY, (acquired.expires - now) / 2)
        _proven.add(hash((self._settings, self._scope)))
        self.on_renewal(acquired.token)

    @contextmanager
    def _making_do(self) -> Iterator[None]:
        """Let there be no answer, while there is a token that has not ended."""
        try:
            yield
        except ServiceUnavailable:
            # A crowd must not wait in turn for as many time-outs as it has members.
            self._due = self._clock() + REST
            if self._held is None or self._clock() >= self._held.expires:
                raise

    def _good(self) -> Secret:
        if self._held is None or self._clock() >= self._held.expires:
            msg = f"no Azure AD token: none was to be had in the last {REST:.0f} s"
            raise ServiceUnavailable(msg)
        return self._held.token
