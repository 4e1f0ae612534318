"""
Where a request may go, since every request may carry a key.

Law: https to the service's own hosts, and to a host that the connection itself names; loopback
always; any other plain-http host only when the connection's `insecure_hosts` names it.
"""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit

from airflow_aml_retrain.errors import NotConfigured

SERVICE_HOSTS: Final = (
    "services.azureml.net",
    "management.azureml.net",
    "management.azureml.de",
    "management.azure.com",
    "management.usgovcloudapi.net",
    "management.chinacloudapi.cn",
    "login.microsoftonline.com",
    "login.microsoftonline.us",
    "login.chinacloudapi.cn",
    "login.partner.microsoftonline.cn",
)
"""The services' own; a regional prefix may stand before each."""

# Characters that parsers of URLs read differently, so that a check of one says nothing of another.
_AMBIGUOUS: Final = re.compile(r"[\s\\\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class HostRule:
    """
    Which hosts may be sent a request.

    *allowed_suffixes* are hosts reached over https, each with any prefix; *insecure_hosts*
    ("host" or "host:port") may also be reached over plain http.
    """

    allowed_suffixes: tuple[str, ...] = SERVICE_HOSTS
    insecure_hosts: tuple[str, ...] = ()

    @classmethod
    def naming(cls, urls: Iterable[str], insecure_hosts: Iterable[str] = ()) -> "HostRule":
        """The usual rule, and over https also the hosts of *urls*, which the connection names."""
        named = (urlsplit(url).hostname or "" for url in urls)
        hosts = tuple(host for host in named if host and host not in SERVICE_HOSTS)
        return cls(SERVICE_HOSTS + hosts, tuple(insecure_hosts))

    def require(self, url: str) -> None:
        """Raise `NotConfigured`, saying what to add, unless *url* may be sent a credential."""
        parts = _parts(url)
        host = parts.hostname or ""
        if is_loopback(host) or self._is_named_insecure(parts):
            return
        allowed = any(_is_within(host, suffix) for suffix in self.allowed_suffixes)
        if parts.scheme == "https" and allowed:
            return
        msg = (
            f"refusing to send a credential to {parts.scheme}://{host}: it is neither https to a "
            f"host of the service nor loopback; if it is yours, add {host!r} to insecure_hosts in "
            "the connection's extra"
        )
        raise NotConfigured(msg)

    def _is_named_insecure(self, parts: SplitResult) -> bool:
        named = {each.strip().lower() for each in self.insecure_hosts}
        return (parts.hostname or "") in named or parts.netloc.lower() in named


def is_loopback(host: str) -> bool:
    """Tell whether *host* is this machine by definition, not by a name server's word."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_within(host: str, suffix: str) -> bool:
    return host == suffix or host.endswith(f".{suffix}")


def _parts(url: str) -> SplitResult:
    parts = urlsplit(url)
    if (
        _AMBIGUOUS.search(url)
        or "@" in parts.netloc
        or parts.scheme not in {"http", "https"}
        or not parts.hostname
    ):
        msg = f"expected a plain http(s) URL, got one of scheme {parts.scheme!r}"
        raise NotConfigured(msg)
    return parts
