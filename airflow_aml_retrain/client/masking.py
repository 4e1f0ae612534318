"""
Secrets on their way to a log masker, which has to know what it must not let through.

Law: what comes from here goes to a masker and nowhere else.
"""

from airflow_aml_retrain.client.keyring import Keyring
from airflow_aml_retrain.errors import NotConfigured
from airflow_aml_retrain.wire.conversation import Credential


def to_mask(keyring: Keyring) -> list[str]:
    """Every secret on *keyring*, as the plain string that a masker looks for."""
    return [plain for credential in Credential if (plain := _plain(keyring, credential))]


def _plain(keyring: Keyring, credential: Credential) -> str:
    try:
        secret = keyring.secret(credential)
    except NotConfigured:
        return ""
    return secret.reveal() if secret else ""
