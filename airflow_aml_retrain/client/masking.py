"""
Secrets on their way to a log masker, which has to know what it must not let through.

Law: what comes from here goes to a masker and nowhere else.
"""

from collections.abc import Callable

from airflow_aml_retrain.client.identity import IdentitySettings
from airflow_aml_retrain.client.keyring import Keyring
from airflow_aml_retrain.wire.secret import Secret


def to_mask(keyring: Keyring) -> list[str]:
    """Every secret on *keyring*, as the plain string that a masker looks for."""
    return [secret.reveal() for secret in keyring.known()]


def telling(mask: Callable[[str], object]) -> Callable[[Secret], object]:
    """Return what hands *mask* a secret."""
    return lambda secret: mask(secret.reveal())


def mask_renewed(keyring: Keyring, mask: Callable[[str], object]) -> None:
    """Hand *mask* every secret that *keyring* reads anew from now on."""
    keyring.on_renewal = telling(mask)
    if keyring.tokens is not None:
        keyring.tokens.on_renewal = telling(mask)


def given(identity: IdentitySettings) -> list[str]:
    """The secrets that a connection itself holds."""
    secrets = (identity.client_secret, identity.certificate)
    return [secret.reveal() for secret in secrets if secret]
