"""What is promised of credentials: the right one, or a word on where to set it."""

import pytest

from airflow_aml_retrain.client.keyring import Keyring
from airflow_aml_retrain.client.masking import mask_renewed
from airflow_aml_retrain.errors import NotConfigured
from airflow_aml_retrain.wire.conversation import Conversation, Credential
from airflow_aml_retrain.wire.secret import Secret
from tests.wire.rehearsal import rehearse

OLD, NEW = Secret("old"), Secret("new")


def new_key() -> Conversation[Secret]:
    yield from ()
    return NEW


def test_each_credential_has_its_own_secret() -> None:
    keyring = Keyring({Credential.SERVICE_KEY: OLD, Credential.WORKSPACE_TOKEN: NEW})

    assert keyring.secret(Credential.SERVICE_KEY) == OLD
    assert keyring.secret(Credential.WORKSPACE_TOKEN) == NEW
    assert keyring.secret(Credential.NONE) is None


@pytest.mark.parametrize("secrets", [{}, {Credential.SERVICE_KEY: Secret("")}])
def test_a_missing_key_is_told_with_what_to_set(secrets: dict[Credential, Secret]) -> None:
    with pytest.raises(NotConfigured, match="no service key: set the API key of the endpoint"):
        Keyring(secrets).secret(Credential.SERVICE_KEY)


def test_a_renewed_key_is_the_one_that_is_used_from_then_on() -> None:
    keyring = Keyring({Credential.SERVICE_KEY: OLD}, {Credential.SERVICE_KEY: new_key})

    rehearse(keyring.renewed(Credential.SERVICE_KEY), [])

    assert keyring.secret(Credential.SERVICE_KEY) == NEW


def test_whoever_masks_keys_is_told_of_a_renewed_one() -> None:
    keyring, masked = Keyring({}, {Credential.SERVICE_KEY: new_key}), list[str]()

    mask_renewed(keyring, masked.append)
    rehearse(keyring.renewed(Credential.SERVICE_KEY), [])

    assert masked == ["new"]


def test_a_key_that_cannot_be_looked_up_stays_as_it_is() -> None:
    keyring = Keyring({Credential.SERVICE_KEY: OLD})

    rehearse(keyring.renewed(Credential.SERVICE_KEY), [])

    assert keyring.secret(Credential.SERVICE_KEY) == OLD


def test_a_keyring_does_not_print_its_keys() -> None:
    assert "old" not in repr(vars(Keyring({Credential.SERVICE_KEY: OLD})))
