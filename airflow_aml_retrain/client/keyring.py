"""
The credentials of one connection, and how a refused one is looked up again.

Law: a key that the service refused is read anew once, from whoever issued it, and the new one
then serves everybody who shares this keyring.
"""

from collections.abc import Callable, Mapping
from typing import Final

from airflow_aml_retrain.errors import NotConfigured
from airflow_aml_retrain.wire.conversation import Conversation, Credential
from airflow_aml_retrain.wire.secret import Secret

LookUp = Callable[[], Conversation[Secret]]

_WHERE: Final = {
    Credential.SERVICE_KEY: "the API key of the endpoint",
    Credential.WORKSPACE_TOKEN: "the authorization token of the workspace",
    Credential.AZURE_AD: "an Azure AD credential",
}


class Keyring:
    """
    Which `Secret` goes with which `Credential`.

    *secrets* are known from the start; *look_ups* are conversations that read one anew. Whoever
    must know the new ones too (a log masker) sets `on_renewal`.
    """

    def __init__(
        self,
        secrets: Mapping[Credential, Secret],
        look_ups: Mapping[Credential, LookUp] | None = None,
    ) -> None:
        self._secrets = dict(secrets)
        self._look_ups = dict(look_ups or {})
        self.on_renewal: Callable[[Secret], object] = lambda _secret: None

    def secret(self, credential: Credential) -> Secret | None:
        """The secret for *credential* (None for `NONE`); `NotConfigured` if there is none."""
        if credential is Credential.NONE:
            return None
        secret = self._secrets.get(credential)
        if not secret:
            msg = f"the connection has no {credential.value}: set {_WHERE[credential]}"
            raise NotConfigured(msg)
        return secret

    def renewed(self, credential: Credential) -> Conversation[None]:
        """Read *credential* anew where there is a way to; otherwise keep what there is."""
        look_up = self._look_ups.get(credential)
        if look_up is not None:
            self._secrets[credential] = secret = yield from look_up()
            self.on_renewal(secret)
