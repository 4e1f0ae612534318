"""What is promised of definition files: stable, without secrets, and no way past a promotion."""

import json
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_aml_retrain.errors import BadInput, NotUpdatable
from airflow_aml_retrain.wire.definition import Definition, definition_of
from airflow_aml_retrain.wire.payloads import LIMIT, by_reference, is_too_large, payloads
from airflow_aml_retrain.wire.secret import Secret
from airflow_aml_retrain.wire.transfer import WITHHELD, changes, creation, exported, imported
from tests.wire.new_service import NAME, NEW, OLD, STORAGE, asset, definition
from tests.wire.test_recorded_arm import READ, read

FOUND = definition_of(definition())
KEY = "A" * 86 + "=="
PLAN = "/subscriptions/s1/resourceGroups/g1/providers/Microsoft.MachineLearning/commitmentPlans/p"
ENCRYPTED = {"Account Key": {"value": "CIPHERTEXT", "certificateThumbprint": "THUMBPRINT"}}
GRAPH = {
    "nodes": {"node1": {"assetId": "asset1", "parameters": ENCRYPTED}},
    "edges": [{"sourceNodeId": "node1", "targetNodeId": "node1"}],
}


def edited(found: Definition = FOUND, /, **changed: object) -> Definition:
    """The export of *found*, with properties that a user changed, imported again."""
    said = json.loads(exported(found))
    said["properties"] |= changed
    return imported(json.dumps(said).encode())


def refusal(**changed: object) -> str:
    with pytest.raises(BadInput) as caught:
        edited(**changed)
    return str(caught.value)


def twin(wanted: Definition) -> dict[str, Any]:
    return creation(
        wanted,
        region="South Central US",
        storage_account="store",
        storage_key=Secret(KEY),
        commitment_plan=PLAN,
    )


@pytest.mark.parametrize("name", READ)
def test_a_recorded_definition_comes_back_as_it_was_exported(name: str) -> None:
    found = read(name)
    back = imported(exported(found))

    assert back.differences(found) == ()
    assert exported(back) == exported(found)
    assert changes(found, back) == {}


def test_two_exports_of_an_unchanged_service_are_the_same_bytes() -> None:
    one = definition_of(definition(parameters={}, package=GRAPH))
    later = deepcopy(definition(package=GRAPH, modifiedOn="later", provisioningState="Failed"))
    later["properties"]["package"]["nodes"]["node1"]["parameters"]["Account Key"] = {
        "certificateThumbprint": "OTHER",
        "value": "OTHER",
    }

    assert exported(one) == exported(definition_of(later))


def test_an_export_is_made_to_be_reviewed() -> None:
    written = exported(FOUND).decode()

    assert written.startswith('{\n  "location": "South Central US",\n  "name": "census",\n')
    assert written.endswith("}\n")
    assert '"Census\\u00a0[trained model]"' in written
    assert "\u00a0" not in written


def test_an_export_holds_no_secret() -> None:
    assets = {"asset1": asset("M", f"{OLD}?sv=1&sig=SIGNED", credentials=f"AccountKey={KEY}")}
    found = definition_of(
        definition(
            assets=assets,
            package=GRAPH,
            keys={"primary": "PRIMARY"},
            storageAccount={"name": "store", "Key": KEY},
            payloadsLocation={"uri": OLD, "credentials": "PAYLOADS"},
            parameters={"connection": {"value": f"AccountName=a;AccountKey={KEY}"}},
            exampleRequest={"inputs": {"input1": [[KEY]]}},
        )
    )

    written = exported(found).decode()

    for secret in (KEY, "SIGNED", "PRIMARY", "PAYLOADS", "CIPHERTEXT", "THUMBPRINT"):
        assert secret not in written
    assert changes(found, imported(written.encode())) == {}


@pytest.mark.parametrize(
    "name", ["Account Key", "account\u00a0key", "api_key", "Password", "Client secret", "SAS URI"]
)
@pytest.mark.parametrize(
    "plain",
    [
        {"value": "hunter2", "certificateThumbprint": ""},
        {"Value": "hunter2", "CertificateThumbprint": ""},  # as a definition in a blob comes back
        {"VALUE": ["hunter2"]},
        {"Value": {"plain": "hunter2"}},
        {"value": 4711.25},
        ["hunter2"],
        "hunter2",
        4711.25,
    ],
)
def test_a_parameter_whose_name_says_that_it_is_secret_is_withheld(
    name: str, plain: object
) -> None:
    join = {"Names of join key columns for L": {"Value": "age", "CertificateThumbprint": ""}}
    graph = {"nodes": {"node1": {"assetId": "asset1", "parameters": {name: plain, **join}}}}
    found = definition_of(definition(package=graph))

    written = exported(found)

    assert b"hunter2" not in written
    assert b"4711" not in written
    assert b'"age"' in written
    assert changes(found, imported(written)) == {}


def test_what_stands_beside_a_withheld_value_is_read_for_secrets_too() -> None:
    beside = {"Value": "", "Type": "String", "Link": f"{OLD}?sv=1&sig=SIGNED"}
    found = definition_of(definition(parameters={"Access token": beside, "Use password": True}))

    shown = json.loads(exported(found))["properties"]["parameters"]

    expected = {"Value": "", "Type": "String", "Link": WITHHELD}
    assert shown == {"Access token": expected, "Use password": True}


def test_only_what_was_edited_is_sent() -> None:
    assert changes(FOUND, edited(title="Census 2")) == {"title": "Census 2"}


def test_what_is_withheld_is_taken_from_the_service_again() -> None:
    found = definition_of(definition(package=GRAPH))
    graph = json.loads(exported(found))["properties"]["package"]
    graph["graphParameters"] = {"x": {"type": "String"}}

    sent = changes(found, edited(found, package=graph))

    assert sent == {"package": {**GRAPH, "graphParameters": {"x": {"type": "String"}}}}


def test_what_is_withheld_where_the_service_has_nothing_must_be_filled_in() -> None:
    wanted = edited(description=WITHHELD)

    with pytest.raises(BadInput, match="withholds description, and the service has nothing"):
        changes(FOUND, wanted)


def test_columns_are_sent_in_the_order_of_the_service() -> None:
    columns = {"zip": {"type": "String"}, "age": {"type": "String"}}
    found = definition_of(definition(input={"type": "object", "properties": columns}))
    wanted = edited(found, input={"properties": columns | {"new": {}}, "type": "array"})

    sent: Any = changes(found, imported(exported(wanted)))

    assert list(sent["input"]["properties"]) == ["zip", "age", "new"]


@pytest.mark.parametrize(
    "assets",
    [
        {"asset1": asset(NAME, NEW)},
        {"asset1": asset("other", NEW)},
        {"asset1": asset("other", "aml://module/1", "Module")},
        {"asset1": asset(NAME, OLD), "asset2": asset("B", NEW)},
        {},
    ],
)
def test_a_file_never_changes_the_trained_model(assets: dict[str, object]) -> None:
    found = definition_of(definition(assets={"asset1": asset(NAME, OLD)}, package=None))

    with pytest.raises(BadInput, match="trained model, which only a promotion does"):
        changes(found, edited(found, assets=assets))


def test_a_file_may_change_another_asset() -> None:
    assets = definition()["properties"]["assets"]
    assets["asset3"] = asset("states.csv", f"{STORAGE}/data/states2.csv")

    assert changes(FOUND, edited(assets=assets)) == {"assets": assets}


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"storageAccount": {"name": "other"}}, "changes storageAccount.name to 'other'"),
        ({"commitmentPlan": {"id": PLAN}}, "names a commitmentPlan, which is fixed at creation"),
        ({"readOnly": True}, "sets readOnly, which is never undone"),
    ],
)
def test_what_is_fixed_at_creation_is_not_changed(changed: dict[str, object], why: str) -> None:
    with pytest.raises(BadInput, match=why):
        changes(FOUND, edited(**changed))


def test_a_read_only_service_takes_no_file() -> None:
    with pytest.raises(NotUpdatable, match="read-only"):
        changes(definition_of(definition(readOnly=True)), edited(title="x"))


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"descripton": "x"}, "properties.descripton is no member of a definition; did you mean"),
        ({"Title": "x"}, "is there twice, in two spellings"),
        ({"packageType": "Code"}, "expected Graph"),
        ({"assets": []}, "properties.assets: expected an object, got a list of 0"),
        ({"assets": {"a": {"name": "x", "type": "File"}}}, "properties.assets.a: expected a name"),
        ({"assets": {"a": {"name": "x", "type": "Module"}}}, "a.locationInfo: expected a uri"),
        ({"keys": {"primary": KEY}}, "take keys out of it"),
        ({"storageAccount": {"name": "a", "key": KEY}}, "take storageAccount.key out of it"),
        ({"assets": {"a": asset("x", OLD, credentials=KEY)}}, "a.locationInfo.credentials out"),
        ({"payloadsInBlobStorage": True}, "expected the definition itself"),
        ({"package": {"nodes": {"n": {"assetId": "asset9"}}}}, "nodes.n.assetId names no asset"),
        (
            {"package": {"nodes": {}, "edges": [{"sourceNodeId": "n"}]}},
            r"edges[0].sourceNodeId names no node",
        ),
    ],
)
def test_what_is_wrong_with_a_file_is_named_without_its_values(
    changed: dict[str, object], why: str
) -> None:
    told = refusal(**changed)

    assert why in told
    assert KEY not in told


@pytest.mark.parametrize("data", [b"", b"\xff\xfe", b'{"key": "SECRET', b"[]", b"3", b"null"])
def test_anything_else_is_no_file(data: bytes) -> None:
    with pytest.raises(BadInput, match="expected a definition") as caught:
        imported(data)

    assert caught.value.__cause__ is None
    assert "SECRET" not in str(caught.value)


def test_a_twin_is_created_with_everything_that_a_reading_does_not_return() -> None:
    body = twin(definition_of(definition(package=GRAPH, readOnly=True)))

    assert body == {
        "location": "South Central US",
        "tags": {},
        "properties": {
            "title": "Census",
            "packageType": "Graph",
            "assets": definition()["properties"]["assets"],
            "package": GRAPH,
            "storageAccount": {"name": "store", "key": Secret(KEY)},
            "commitmentPlan": {"id": PLAN},
            "readOnly": False,
        },
    }
    assert KEY not in repr(body)


def test_no_twin_is_made_of_a_file_that_withholds_something() -> None:
    with pytest.raises(BadInput, match=r"withholds package\.nodes\.node1\.parameters\.Account Key"):
        twin(imported(exported(definition_of(definition(package=GRAPH)))))


def test_a_definition_over_three_megabytes_is_created_from_a_blob() -> None:
    large = {"inputs": {"input1": [["x" * LIMIT]]}}
    body = twin(definition_of(definition(exampleRequest=large)))
    credentials = Secret("AccountKey=abc")

    small = by_reference(body, f"{STORAGE}/payloads/p.json", credentials)

    assert (is_too_large(body), is_too_large(small)) == (True, False)
    assert set(json.loads(payloads(body))) == {"assets", "exampleRequest", "package"}
    assert small["properties"] == {
        "title": "Census",
        "packageType": "Graph",
        "storageAccount": {"name": "store", "key": Secret(KEY)},
        "commitmentPlan": {"id": PLAN},
        "readOnly": False,
        "payloadsInBlobStorage": True,
        "payloadsLocation": {"uri": f"{STORAGE}/payloads/p.json", "credentials": credentials},
    }


def test_the_blob_of_a_definition_holds_no_secret_of_the_request() -> None:
    assert KEY.encode() not in payloads(twin(FOUND))
    assert is_too_large(twin(FOUND)) is False


TEXTS = st.text(max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
PARAMETERS = st.dictionaries(
    TEXTS, st.fixed_dictionaries({"value": TEXTS, "certificateThumbprint": TEXTS}), max_size=3
)
DEFINITIONS = st.fixed_dictionaries(
    {},
    optional={
        "title": TEXTS,
        "description": TEXTS,
        "exampleRequest": st.dictionaries(TEXTS, VALUES, max_size=3),
        "input": st.dictionaries(TEXTS, VALUES, max_size=3),
        "parameters": PARAMETERS,
        "diagnostics": VALUES,
        "modifiedOn": TEXTS,
        "package": PARAMETERS.map(
            lambda said: {"nodes": {"n": {"assetId": "asset2", "parameters": said}}}
        ),
    },
)


@given(DEFINITIONS)
def test_whatever_is_exported_is_imported_and_changes_nothing(changed: dict[str, object]) -> None:
    found = definition_of(definition(**changed))

    back = imported(exported(found))

    assert back.differences(found) == ()
    assert changes(found, back) == {}
    assert exported(back) == exported(found)
