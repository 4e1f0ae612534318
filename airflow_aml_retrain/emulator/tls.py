"""TLS with a throw-away authority, for clients that insist on https."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self


@dataclass(frozen=True, slots=True)
class Certificate:
    """PEM files: the server's *chain* and *key*, and the *authority* that clients must trust."""

    chain: Path
    key: Path
    authority: Path

    @classmethod
    def kept_in(cls, folder: Path, *hosts: str) -> Self:
        """The certificate in *folder*, made if there is none, so that a restart keeps its trust."""
        kept = cls(folder / "server.pem", folder / "server.key", folder / "authority.pem")
        if not kept.chain.exists():
            import trustme

            folder.mkdir(parents=True, exist_ok=True)
            authority = trustme.CA()
            certificate = authority.issue_cert("localhost", "127.0.0.1", "::1", *hosts)
            authority.cert_pem.write_to_path(str(kept.authority))
            kept.key.touch(mode=0o600)
            certificate.private_key_pem.write_to_path(str(kept.key))
            for number, pem in enumerate(certificate.cert_chain_pems):
                pem.write_to_path(str(kept.chain), append=number > 0)
        return kept
