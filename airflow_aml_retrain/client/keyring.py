"""
The credentials of one connection, and how a refused one is looked up again.

Law: a key that the service refused is read anew once, from whoever issued it, and the new one
then serves everybody who shares this keyring. A key that is not there yet is read when it is
first needed.
"""

from collections.abc import Callable, Mapping
from typing import Final

from airflow_aml_retrain.client.tokens import Tokens
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

    *secrets* are known from the start; *look_ups* are conversations that read one anew; *tokens*
    are those of Azure AD. Whoever must know the new ones too (a log masker) sets `on_renewal`,
    and that of *tokens*.
    """

    def __init__(
        self,
        secrets: Mapping[Credential, Secret],
        look_ups: Mapping[Credential, LookUp] | None = None,
        tokens: Tokens | None = None,
        *,
        on_renewal: Callable[[Secret], object] = lambda _secret: None,
    ) -> None:
        self._secrets = dict(secrets)
        self._look_ups = dict(look_ups or {})
        self.tokens = tokens
        self.on_renewal = on_renewal

    def known(self) -> list[Secret]:
        """Every secret that is here now; nothing is asked."""
        token = self.tokens.held if self.tokens else None
        return [secret for secret in (*self._secrets.values(), token) if secret]

    def lacks(self, credential: Credential) -> bool:
        """Whether *credential* has to be read before it can be used: see `renewed`."""
        return credential in self._look_ups and not self._secrets.get(credential)

    def secret(self, credential: Credential) -> Secret | None:
        """The secret for *credential* (None for `NONE`); `NotConfigured` if there is none."""
        if credential is Credential.AZURE_AD and self.tokens is not None:
            return self.tokens.token()
        return self._kept(credential)

    async def asecret(self, credential: Credential) -> Secret | None:
        """The same without blocking."""
        if credential is Credential.AZURE_AD and self.tokens is not None:
            return await self.tokens.atoken()
        return self._kept(credential)

    def renewed(self, credential: Credential) -> Conversation[None]:
        """Read *credential* anew where there is a way to; otherwise keep what there is."""
        look_up = self._look_ups.get(credential)
        if look_up is not None:
            self._secrets[credential] = secret = yield from look_up()
            self.on_renewal(secret)

    def forget(self, token: Secret | None) -> None:
        """A service refused *token*, which is one of Azure AD: the next one is new."""
        if self.tokens is not None:
            self.tokens.forget(token)

    def _kept(self, credential: Credential) -> Secret | None:
        if credential is Credential.NONE:
            return None
        secret = self._secrets.get(credential)
        if not secret:
            msg = f"the connection has no {credential.value}: set {_WHERE[credential]}"
            raise NotConfigured(msg)
        return secret
