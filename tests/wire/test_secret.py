"""What is promised of a secret: it is in nothing that is written, sent or stored by accident."""

import copy
import json
import logging
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_aml_retrain.wire.blobs import ModelBlob
from airflow_aml_retrain.wire.endpoints import Endpoint
from airflow_aml_retrain.wire.secret import Secret, scrubbed

# Long enough, and of such letters, that it is not part of the text around it by chance.
SECRETS = st.text(alphabet="0123456789xyz", min_size=12)


@given(SECRETS)
def test_a_secret_is_in_no_text(value: str) -> None:
    secret = Secret(value)

    told = f"{secret} {secret!r} {secret!s} {[secret]} {[secret]!s:>40}"

    assert value not in told


@given(SECRETS)
def test_a_secret_is_in_nothing_that_holds_it(value: str) -> None:
    blob = ModelBlob("https://a.test/", "c/m.ilearner", Secret(value))
    endpoint = Endpoint("e", "s", "https://a.test", Secret(value), Secret(value), {"r": blob})

    assert value not in f"{blob!r} {blob} {blob.location} {endpoint!r} {endpoint.resources}"


@given(SECRETS)
def test_a_secret_becomes_neither_json_nor_pickle_nor_copy(value: str) -> None:
    secret = Secret(value)

    for write in (json.dumps, pickle.dumps, copy.deepcopy):
        with pytest.raises(TypeError) as caught:
            write(secret)
        assert value not in str(caught.value)


def test_a_secret_takes_no_format() -> None:
    with pytest.raises(TypeError):
        format(Secret("x"), ">40")


def test_a_secret_that_is_logged_is_not_told(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("test").warning("the key is %s", Secret("correct horse battery"))

    assert "horse" not in caplog.text


@given(st.text(), st.text())
def test_secrets_are_equal_as_their_values_are(one: str, other: str) -> None:
    assert (Secret(one) == Secret(other)) == (one == other)
    assert hash(Secret(one)) == hash(Secret(one))
    assert Secret(one).reveal() == one
    assert bool(Secret(one)) == bool(one)
    assert Secret(one) != one


@pytest.mark.parametrize(
    "echo",
    [
        "https://a.test/c/b?sv=2015&sr=b&sig={}&sp=r",
        "DefaultEndpointsProtocol=https;AccountName=a;AccountKey={}",
        "Authorization: Bearer {}",
        '{{"PrimaryKey": "{}", "Name": "e"}}',
        '{{"SasBlobToken":"{}"}}',
        '{{"ConnectionString": "{}',
        '{{"primary":"{}","secon',
        '{{"primary": "highly secure key", "Secondary" : "{}',
        '{{"storageAccount": {{"name": "a", "key": "{}"}}}}',
        '{{"locationInfo": {{"uri": "u", "credentials": "{} with a blank; and more"}}}}',
        '{{"token_type": "Bearer", "access_token": "{}"}}',
        '{{"access_token": "a\\"b {}", "expires_in": 3599}}',
        '{{"message": "cannot read {{\\"PrimaryKey\\": \\"a b {}\\", \\"Name\\": 1}}"}}',
    ],
)
@given(SECRETS)
def test_what_a_service_echoes_is_scrubbed(echo: str, value: str) -> None:
    assert value not in scrubbed(echo.format(value))


def test_a_scrubbed_value_ends_at_its_quote_or_with_the_text() -> None:
    answer = '{"primary": "a b", "name": "census", "inner": "{\\"key\\": \\"x\\", \\"n\\": 1}"'

    assert scrubbed(answer) == (
        '{"primary": "***", "name": "census", "inner": "{\\"key\\": \\"***\\", \\"n\\": 1}"'
    )
    assert scrubbed('{"secondary":"cut \\') == '{"secondary":"***'


@pytest.mark.parametrize(
    "text", ["", "job j1 failed: sign here", "a" * 64, "resignation=high", '"keys": "age"']
)
def test_ordinary_text_is_left_alone(text: str) -> None:
    assert scrubbed(text) == text
