"""What is promised of hosts: no credential leaves for one that nobody named."""

import pytest

from airflow_aml_retrain.client.hosts import HostRule, is_loopback
from airflow_aml_retrain.errors import NotConfigured

RULE = HostRule()


@pytest.mark.parametrize(
    "url",
    [
        "https://ussouthcentral.services.azureml.net/workspaces/w/services/s",
        "https://management.azureml.net/workspaces/w",
        "https://europewest.management.azureml.net/workspaces/w",
        "https://germanycentral.management.azureml.de/workspaces/w",
        "https://management.azure.com/subscriptions/s",
        "https://westcentralus.management.azure.com/subscriptions/s",
        "https://MANAGEMENT.AZUREML.NET/workspaces/w",
        "http://127.0.0.1:8080/workspaces/w",
        "http://127.8.9.10/",
        "http://localhost:1/",
        "http://[::1]:8080/",
        "https://localhost/",
    ],
)
def test_the_services_own_hosts_and_this_machine_are_allowed(url: str) -> None:
    RULE.require(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://ussouthcentral.services.azureml.net/",
        "http://management.azureml.net/",
        "https://example.com/",
        "https://evilmanagement.azureml.net/",
        "https://services.azureml.net.example.com/",
        "https://services.azureml.net@example.com/",
        "https://somebody:word@management.azureml.net/",
        "https://example.com\\@services.azureml.net/",
        "https://example.com\n.services.azureml.net/",
        "http://localhost.example.com/",
        "http://128.0.0.1/",
        "http://0x7f000001/",
        "http://10.0.0.1/",
        "ftp://localhost/",
        "file:///etc/passwd",
        "https://",
        "",
    ],
)
def test_any_other_host_is_refused(url: str) -> None:
    with pytest.raises(NotConfigured):
        RULE.require(url)


def test_a_host_that_the_connection_names_is_allowed_over_https_only() -> None:
    rule = HostRule.naming(["https://gateway.example.com/aml", "http://emulator:8080"])

    rule.require("https://gateway.example.com/workspaces/w")
    with pytest.raises(NotConfigured):
        rule.require("http://gateway.example.com/")
    with pytest.raises(NotConfigured):
        rule.require("http://emulator:8080/")


@pytest.mark.parametrize("named", ["emulator", "emulator:8080", " Emulator:8080 "])
def test_plain_http_needs_the_host_in_insecure_hosts(named: str) -> None:
    rule = HostRule.naming([], [named])

    rule.require("http://emulator:8080/workspaces/w")
    with pytest.raises(NotConfigured):
        rule.require("http://other:8080/")


def test_a_host_that_was_named_with_its_port_is_no_other_port() -> None:
    with pytest.raises(NotConfigured):
        HostRule.naming([], ["emulator:8080"]).require("http://emulator:9090/")


def test_a_refusal_says_what_to_add() -> None:
    with pytest.raises(
        NotConfigured, match=r"http://emulator: .* add 'emulator' to insecure_hosts"
    ):
        RULE.require("http://emulator:8080/workspaces/w?key=hush")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost", "LOCALHOST"])
def test_loopback_is_what_is_so_by_definition(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["", "0.0.0.0", "localhost.evil.test", "127.0.0.1.evil.test"])  # noqa: S104 - no bind, an address to be refused
def test_nothing_else_is_loopback(host: str) -> None:
    assert not is_loopback(host)
