"""
What is promised of signing in, with Microsoft's own credentials against the emulator.

A principal's token is asked for seldom, renewed in time, and never told; an outage of whoever
gives them out fails nothing that is well.
"""

import asyncio
import gc
import logging
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from airflow_aml_retrain.client.drive import arun, run
from airflow_aml_retrain.client.hosts import HostRule
from airflow_aml_retrain.client.identity import IdentitySettings
from airflow_aml_retrain.client.keyring import Keyring
from airflow_aml_retrain.client.tokens import EARLY, REST, Tokens
from airflow_aml_retrain.client.transport import AsyncTransport, BlockingTransport
from airflow_aml_retrain.errors import NotConfigured, ServiceUnavailable
from airflow_aml_retrain.wire.conversation import Credential, Request, Response, ask
from airflow_aml_retrain.wire.secret import Secret
from tests.client.directory import LIST, SCOPE, Directory
from tests.emulator.studio import HandClock

Obtain = Callable[[Tokens], Secret]
LIFETIME = 3600.0


def _awaited(tokens: Tokens) -> Secret:
    return asyncio.run(tokens.atoken())


@pytest.fixture(params=[Tokens.token, _awaited], ids=["blocking", "async"])
def obtain(request: pytest.FixtureRequest) -> Obtain:
    """A way to get a token: the one, then the other."""
    way: Obtain = request.param
    return way


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture(autouse=True, scope="module")
def nothing_left_open() -> Iterator[None]:
    """A session that was not closed is a warning, and so an error, here and not later."""
    yield
    gc.collect()


@pytest.fixture(autouse=True)
def no_faults(authority: Directory) -> Iterator[None]:
    yield
    authority.control("DELETE", "faults")


@pytest.fixture
def settings(authority: Directory) -> IdentitySettings:
    """A principal with a client secret."""
    made = authority.principal()
    return IdentitySettings(
        tenant_id=made["tenant_id"],
        client_id=made["client_id"],
        client_secret=Secret(made["client_secret"]),
        authority=authority.url,
        ca_bundle=authority.ca,
    )


@cache
def _key(owner: str) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@dataclass(frozen=True)
class Pem:
    """A certificate for a principal, and the same with its key."""

    public: str
    whole: str

    @classmethod
    def made(cls, password: str = "", *, owner: str = "we") -> "Pem":
        key = _key(owner)
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "retrain")])
        now = datetime.fromtimestamp(HandClock()(), UTC)
        certificate = (
            x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .sign(key, hashes.SHA256())
        )
        locked: serialization.KeySerializationEncryption = serialization.NoEncryption()
        if password:
            locked = serialization.BestAvailableEncryption(password.encode())
        pem = serialization.Encoding.PEM
        secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, locked)
        public = certificate.public_bytes(pem).decode()
        return cls(public, secret.decode() + public)


# Every kind of principal.


def test_a_client_secret_obtains_a_token(
    authority: Directory, settings: IdentitySettings, obtain: Obtain
) -> None:
    assert authority.accepts(obtain(Tokens(settings, SCOPE)).reveal())


@pytest.mark.parametrize("password", ["", "of the key"])
def test_a_certificate_obtains_a_token_whether_text_or_file(
    authority: Directory, obtain: Obtain, tmp_path: Path, password: str
) -> None:
    pem, place = Pem.made(password), tmp_path / "principal.pem"
    made = authority.principal(certificate=pem.public)
    place.write_text(pem.whole)
    settings = IdentitySettings(
        tenant_id=made["tenant_id"],
        client_id=made["client_id"],
        client_secret=Secret(password) if password else None,
        certificate_path=str(place),
        authority=authority.url,
        ca_bundle=authority.ca,
    )

    assert authority.accepts(obtain(Tokens(settings, SCOPE)).reveal())
    as_text = replace(settings, certificate_path="", certificate=Secret(pem.whole))
    assert authority.accepts(obtain(Tokens(as_text, SCOPE)).reveal())


def test_another_ones_certificate_obtains_nothing(authority: Directory, obtain: Obtain) -> None:
    made = authority.principal(certificate=Pem.made().public)
    settings = IdentitySettings(
        tenant_id=made["tenant_id"],
        client_id=made["client_id"],
        certificate=Secret(Pem.made(owner="they").whole),
        authority=authority.url,
        ca_bundle=authority.ca,
    )

    with pytest.raises(NotConfigured, match="AADSTS700027"):
        obtain(Tokens(settings, SCOPE))


def test_a_machine_with_an_identity_obtains_a_token(
    machine: Directory, obtain: Obtain, monkeypatch: pytest.MonkeyPatch
) -> None:
    _be_a_machine(monkeypatch, machine, machine.principal()["identity_header"])

    assert machine.accepts(obtain(Tokens(IdentitySettings(), SCOPE)).reveal())


def test_a_machine_with_several_identities_is_asked_for_the_one_that_is_named(
    machine: Directory, obtain: Obtain, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = machine.principal()
    _be_a_machine(monkeypatch, machine, made["identity_header"])
    ours = IdentitySettings(managed_identity_client_id=made["client_id"])
    theirs = IdentitySettings(managed_identity_client_id="somebody-elses")

    assert machine.accepts(obtain(Tokens(ours, SCOPE)).reveal())
    with pytest.raises(NotConfigured, match="User Assigned"):
        obtain(Tokens(theirs, SCOPE))


def test_a_workload_obtains_a_token_for_the_one_that_its_cluster_wrote(
    authority: Directory, obtain: Obtain, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made = authority.principal(federated_token="written-by-the-cluster")
    file = tmp_path / "token"
    file.write_text("written-by-the-cluster")
    monkeypatch.setenv("AZURE_FEDERATED_TOKEN_FILE", str(file))
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", authority.url)
    settings = IdentitySettings(
        managed_identity_client_id=made["client_id"],
        workload_identity_tenant_id=made["tenant_id"],
        authority=authority.url,
        ca_bundle=authority.ca,
    )

    assert authority.accepts(obtain(Tokens(settings, SCOPE)).reveal())


# As seldom as may be, and in time.


def test_a_token_is_asked_for_once_and_renewed_before_its_end(
    authority: Directory, settings: IdentitySettings, obtain: Obtain, clock: HandClock
) -> None:
    told: list[Secret] = []
    tokens, before = Tokens(settings, SCOPE, clock, on_renewal=told.append), authority.asked()

    first = obtain(tokens)
    clock.ahead = LIFETIME - EARLY - 30
    kept = obtain(tokens)
    clock.ahead = LIFETIME - EARLY + 30
    second = obtain(tokens)

    assert kept == first != second
    assert told == [first, second]
    assert authority.asked() == before + 2


def test_a_crowd_asks_once(authority: Directory, settings: IdentitySettings) -> None:
    tokens, before = Tokens(settings, SCOPE), authority.asked()

    async def crowd() -> list[Secret]:
        return await asyncio.gather(*(tokens.atoken() for _ in range(50)))

    assert len(set(asyncio.run(crowd()))) == 1
    assert authority.asked() == before + 1


def test_only_the_refused_token_is_forgotten(settings: IdentitySettings) -> None:
    tokens = Tokens(settings, SCOPE)
    first = tokens.token()

    tokens.forget(Secret("another"))
    kept = tokens.token()
    tokens.forget(first)

    assert kept == first
    assert tokens.token() != first


@pytest.mark.parametrize("way", [BlockingTransport, AsyncTransport])
def test_a_token_that_the_service_finds_expired_is_renewed_once(
    authority: Directory,
    settings: IdentitySettings,
    way: type[BlockingTransport] | type[AsyncTransport],
) -> None:
    told: list[Secret] = []
    keyring = Keyring({}, tokens=Tokens(settings, SCOPE, on_renewal=told.append))
    request = Request("GET", authority.url + LIST, credential=Credential.AZURE_AD)
    transport = way(keyring, HostRule(), authority.ca)

    for _ in range(2):  # and again, however soon after
        authority.fault(plane="resources", expire_tokens=True)
        assert _asked(transport, request).status == 200

    assert len(set(told)) == 3


def test_a_crowd_whose_token_was_refused_renews_it_once(
    authority: Directory, settings: IdentitySettings
) -> None:
    told: list[Secret] = []
    keyring = Keyring({}, tokens=Tokens(settings, SCOPE, on_renewal=told.append))
    request = Request("GET", authority.url + LIST, credential=Credential.AZURE_AD)
    transport = AsyncTransport(keyring, HostRule(), authority.ca)
    old = keyring.secret(Credential.AZURE_AD)

    async def crowd() -> list[Response]:
        return await asyncio.gather(*(arun(ask(request), transport) for _ in range(20)))

    authority.fault(plane="resources", expire_tokens=True)
    answers = asyncio.run(crowd())

    assert {answer.status for answer in answers} == {200}
    assert len(told) == 2
    assert old == told[0]


def _asked(transport: BlockingTransport | AsyncTransport, request: Request) -> Response:
    if isinstance(transport, AsyncTransport):
        return asyncio.run(arun(ask(request), transport))
    try:
        return run(ask(request), transport)
    finally:
        transport.close()


# Refused, or not answered.


def test_a_wrong_secret_is_the_users_to_mend_and_is_not_told(
    settings: IdentitySettings, obtain: Obtain, caplog: pytest.LogCaptureFixture
) -> None:
    everything(caplog)
    wrong = replace(settings, client_secret=Secret("wr0ng-secret"))

    with pytest.raises(NotConfigured, match="AADSTS7000215") as told:
        obtain(Tokens(wrong, SCOPE))

    shown = "".join(traceback.format_exception(told.value))
    assert "wr0ng-secret" not in f"{shown} {caplog.text}"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"tenant_id": "00000000-0000-0000-0000-000000000000"}, "no Azure AD token"),
        ({"client_id": "nobody"}, "AADSTS700016"),
        ({"tenant_id": "not a tenant!"}, "no Azure AD token"),
    ],
)
def test_an_unknown_principal_is_the_users_to_mend(
    settings: IdentitySettings, obtain: Obtain, change: dict[str, str], why: str
) -> None:
    with pytest.raises(NotConfigured, match=why):
        obtain(Tokens(replace(settings, **change), SCOPE))  # type: ignore[arg-type]  # all of these are strings


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"tenant_id": ""}, "a client secret but nobody whose it is: set tenantId"),
        ({"client_id": ""}, "a client secret but nobody whose it is: set login"),
        ({"certificate": Secret("x"), "tenant_id": ""}, "a certificate .*: set tenantId"),
        ({"certificate": Secret("no PEM")}, "no Azure AD token"),
        ({"certificate_path": "/nowhere/at.pem"}, "no file /nowhere/at.pem"),
        ({"authority": "http://127.0.0.1:1"}, "over https only"),
        ({"authority": "file:///etc"}, "plain http"),
    ],
)
def test_half_a_principal_is_told_with_the_field_to_set(
    settings: IdentitySettings, obtain: Obtain, change: dict[str, object], field: str
) -> None:
    with pytest.raises(NotConfigured, match=field):
        obtain(Tokens(replace(settings, **change), SCOPE))  # type: ignore[arg-type]  # the fields' own types


@pytest.mark.parametrize("do", [{"drop": True}, {"status": 503}, {"status": 429}])
def test_an_authority_that_does_not_answer_is_asked_again_later(
    authority: Directory,
    settings: IdentitySettings,
    obtain: Obtain,
    clock: HandClock,
    do: dict[str, object],
) -> None:
    tokens = Tokens(settings, SCOPE, clock)
    authority.fault(**do)  # type: ignore[arg-type]  # what a fault does, as JSON

    with pytest.raises(ServiceUnavailable):
        obtain(tokens)
    asked = authority.asked()
    with pytest.raises(ServiceUnavailable, match="none was to be had"):
        obtain(tokens)

    assert authority.asked() == asked
    clock.ahead = REST + 1
    assert authority.accepts(obtain(tokens).reveal())


def test_an_outage_is_not_felt_while_the_old_token_is_good(
    authority: Directory, settings: IdentitySettings, obtain: Obtain, clock: HandClock
) -> None:
    tokens = Tokens(settings, SCOPE, clock)
    token = obtain(tokens)
    authority.fault(times=4, status=503)

    clock.ahead = LIFETIME - 60
    kept = obtain(tokens)
    clock.ahead = LIFETIME + 60

    assert kept == token
    with pytest.raises(ServiceUnavailable):
        obtain(tokens)


def test_an_authority_whose_certificate_is_not_trusted_is_told_so(
    settings: IdentitySettings, obtain: Obtain
) -> None:
    with pytest.raises(NotConfigured, match=r"certificate is not trusted.*ca_bundle"):
        obtain(Tokens(replace(settings, ca_bundle=""), SCOPE))


def test_a_silent_machine_is_an_outage_only_where_it_once_had_an_identity(
    machine: Directory, obtain: Obtain, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, silent = machine.principal(), Directory("http://127.0.0.1:9")
    settings = IdentitySettings(managed_identity_client_id=made["client_id"])

    _be_a_machine(monkeypatch, silent, made["identity_header"])
    with pytest.raises(NotConfigured):
        obtain(Tokens(settings, SCOPE))
    _be_a_machine(monkeypatch, machine, made["identity_header"])
    obtain(Tokens(settings, SCOPE))
    _be_a_machine(monkeypatch, silent, made["identity_header"])
    with pytest.raises(ServiceUnavailable):
        obtain(Tokens(settings, SCOPE))
    _be_a_machine(monkeypatch, machine, "an identity that was taken away")
    with pytest.raises(NotConfigured):
        obtain(Tokens(settings, SCOPE))


def everything(caplog: pytest.LogCaptureFixture) -> None:
    """Hear also what the identity library is asked not to say."""
    caplog.set_level(logging.DEBUG)
    for name in ("azure.identity", "azure.core.pipeline.policies.http_logging_policy"):
        caplog.set_level(logging.DEBUG, name)


def test_a_token_takes_no_page_of_a_tasks_log(
    settings: IdentitySettings, obtain: Obtain, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    obtain(Tokens(settings, SCOPE))

    assert [record for record in caplog.records if record.name.startswith("azure")] == []


def test_no_log_and_no_repr_shows_a_token_or_a_secret(
    settings: IdentitySettings, obtain: Obtain, caplog: pytest.LogCaptureFixture
) -> None:
    everything(caplog)
    tokens = Tokens(settings, SCOPE)

    token = obtain(tokens)

    secret = settings.client_secret
    assert secret is not None
    shown = f"{caplog.text} {settings!r} {vars(tokens)!r}"
    assert token.reveal() not in shown
    assert secret.reveal() not in shown


def _be_a_machine(monkeypatch: pytest.MonkeyPatch, machine: Directory, header: str) -> None:
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"{machine.url}/identity/token")
    monkeypatch.setenv("IDENTITY_HEADER", header)
