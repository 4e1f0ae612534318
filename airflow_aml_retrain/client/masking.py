"""
Secrets on their way to a log masker, which has to know what it must not let through.

Law: what comes from here goes to a masker and nowhere else.
"""

from collections.abc import Callable

from airflow_aml_retrain.client.keyring import Keyring
from airflow_aml_retrain.errors import NotConfigured
from airflow_aml_retrain.wire.conversation import Credential
from airflow_aml_retrain.wire.secret import Secret


def to_mask(keyring: Keyring) -> list[str]:
    """Every secret on *keyring*, as the plain string that a masker looks for."""
    return [plain for credential in Credential if (plain := _plain(keyring, credential))]


def mask_renewed(keyring: Keyring, mask: Callable[[str], object]) -> None:
    """Hand *mask* every secret that *keyring* reads anew from now on."""

    def tell(secret: Secret) -> None:
        mask(secret.reveal())

    keyring.on_renewal = tell


def _plain(keyring: Keyring, credential: Credential) -> str:
    try:
        secret = keyring.secret(credential)
    except NotConfigured:
        return ""
    return secret.reveal() if secret else ""
