"""What is promised of definitions: the model is recognised, and only its uri is changed."""

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_aml_retrain.errors import BadInput, NoSuchName, NotUpdatable, WireError
from airflow_aml_retrain.wire.blobs import blob_at, choose_resource
from airflow_aml_retrain.wire.definition import Definition, definition_of
from airflow_aml_retrain.wire.secret import Secret
from tests.wire.new_service import NAME, NEW, OLD, STORAGE, asset, definition

FOUND = definition_of(definition())


def having(**assets: object) -> Definition:
    return definition_of(definition(assets=assets))


def pascal(said: Any) -> Any:
    """*said* with the names of members as a definition loaded from a blob comes back."""
    match said:
        case dict():
            return {key[:1].upper() + key[1:]: pascal(value) for key, value in said.items()}
        case _:
            return said


def test_the_one_resource_with_an_ilearner_is_the_trained_model() -> None:
    serving = FOUND.serving()

    assert {name: blob.location for name, blob in serving.models.items()} == {NAME: OLD}
    assert choose_resource(serving) == NAME
    assert serving.others == (
        "'Score Model' (Module, aml://module/1.v1)",
        f"'states.csv' (Resource, {STORAGE}/data/states.csv)",
    )


@pytest.mark.parametrize(
    "name",
    ["Census [trained model]", "Census\u00a0[TRAINED\u00a0Model]", "Census [trained model] "],
)
def test_a_model_is_known_by_its_name_as_well(name: str) -> None:
    found = having(asset1=asset(name, f"{STORAGE}/data/model"))

    assert choose_resource(found.serving()) == name


@pytest.mark.parametrize("uri", [f"{STORAGE}/data/M.ILEARNER", f"{STORAGE}/data/M.iLearner"])
def test_an_ilearner_is_known_in_any_case(uri: str) -> None:
    found = having(asset1=asset("M", uri), asset2=asset("N [trained model]", f"{STORAGE}/d/n"))

    assert choose_resource(found.serving()) == "M"


@pytest.mark.parametrize("uri", ["aml://model/", "aml:", "not a url", "https://[/x.ilearner", ""])
def test_a_model_of_which_nobody_knows_where_it_lies_hides_no_other(uri: str) -> None:
    odd = asset("Old [trained model]", uri)
    serving = having(asset1=odd, asset2=asset("M", OLD)).serving()

    assert choose_resource(serving) == choose_resource(serving, "M") == "M"
    assert [other.partition(" (")[0] for other in serving.others] == ["'Old [trained model]'"]
    with pytest.raises(NotUpdatable, match=r"what else there is: 'Old \[trained model\]'"):
        choose_resource(having(asset1=odd).serving())


def test_a_name_may_be_written_with_plain_blanks() -> None:
    assert choose_resource(FOUND.serving(), "Census [trained model]") == NAME


def test_a_name_that_looks_like_two_is_neither_and_one_that_is_written_exactly_is_that_one() -> (
    None
):
    names = ("A\u00a0B C", "A B\u00a0C")
    serving = having(asset1=asset(names[0], OLD), asset2=asset(names[1], NEW)).serving()

    assert choose_resource(serving, names[1]) == names[1]
    with pytest.raises(NoSuchName, match=r"'A\\xa0B C', 'A B\\xa0C'"):
        choose_resource(serving, "A B C")


def test_of_two_candidates_the_one_with_an_ilearner_is_the_model() -> None:
    older = asset("Old [trained model]", f"{STORAGE}/data/dead")

    assert choose_resource(having(asset1=older, asset2=asset("M", OLD)).serving()) == "M"


def test_among_two_models_one_must_be_named() -> None:
    serving = having(asset1=asset("A", OLD), asset2=asset("B", NEW)).serving()

    assert choose_resource(serving, "B") == "B"
    with pytest.raises(BadInput, match=r"got 2; name one of \('A', 'B'\)"):
        choose_resource(serving)


def test_without_a_model_what_there_is_is_listed() -> None:
    serving = having(asset1=asset("Join Data", "aml://module/1", "Module")).serving()

    with pytest.raises(NotUpdatable, match=r"'Join Data' \(Module, aml://module/1\)"):
        choose_resource(serving)


def test_a_name_that_does_not_exist_is_answered_with_those_that_do() -> None:
    with pytest.raises(NoSuchName, match=r"'Census\\xa0\[trained model\]'"):
        choose_resource(FOUND.serving(), "census [trained model]")


def test_a_module_is_never_a_model() -> None:
    assert having(asset1=asset("X [trained model]", OLD, "Module")).serving().models == {}


def test_assets_that_share_a_name_are_told_apart_by_their_ids() -> None:
    serving = having(asset1=asset("M", OLD), asset2=asset("M", NEW)).serving()

    assert list(serving.models) == ["asset1", "asset2"]


def test_members_are_read_in_any_case() -> None:
    said = definition()
    said["properties"]["assets"] = {
        key: pascal(value) for key, value in said["properties"]["assets"].items()
    }

    assert definition_of(said).serving() == FOUND.serving()
    assert definition_of({key.upper(): value for key, value in said.items()}).name == "census"


def test_what_is_sent_is_every_asset_as_it_came_with_one_uri_changed() -> None:
    expected = deepcopy(definition()["properties"]["assets"])
    expected["asset2"]["locationInfo"]["uri"] = NEW

    assert FOUND.with_model(NAME, NEW) == expected
    assert FOUND.assets["asset2"] == asset(NAME, OLD)


def test_members_go_back_in_the_case_they_came_in() -> None:
    info = {"Uri": OLD, "Credentials": "AccountKey=abc"}
    found = having(asset1={"Name": "M", "Type": "Resource", "LocationInfo": info, "Id": "7"})

    assert found.with_model("M", NEW) == {
        "asset1": {
            "Name": "M",
            "Type": "Resource",
            "LocationInfo": {"Uri": NEW, "Credentials": ""},
            "Id": "7",
        }
    }


def test_what_is_no_model_is_not_changed_by_name() -> None:
    with pytest.raises(NoSuchName, match=r"no trained model named 'states\.csv'"):
        FOUND.with_model("states.csv", NEW)


def test_after_a_promotion_nothing_differs_but_the_uri() -> None:
    assert FOUND.having(NAME, NEW).differences(FOUND) == ("assets.asset2.locationInfo.uri",)
    assert FOUND.having(NAME, OLD).differences(FOUND) == ()


def test_what_the_service_changes_by_itself_is_no_difference() -> None:
    def parameter(value: str, thumbprint: str) -> dict[str, object]:
        parameters = {"Account Key": {"value": value, "certificateThumbprint": thumbprint}}
        return {"nodes": {"n": {"parameters": parameters}}}

    one = definition(parameters={}, package=parameter("A", "1"))
    other = definition(
        modifiedOn="later", provisioningState="Failed", package=pascal(parameter("B", "2"))
    )
    plain = definition(package=parameter("B", ""))

    assert definition_of(one).differences(definition_of(other)) == ()
    assert definition_of(one).differences(definition_of(plain)) == (
        "package.nodes.n.parameters.Account Key.certificateThumbprint",
        "package.nodes.n.parameters.Account Key.value",
    )


def test_columns_that_differ_by_case_alone_are_two() -> None:
    one = definition_of(definition(input={"properties": {"Age": 1, "age": 2}}))
    other = definition_of(definition(input={"properties": {"Age": 2, "age": 1}}))

    assert one.differences(other) == ("input.properties.Age", "input.properties.age")


def test_true_is_not_one() -> None:
    assert definition_of(definition(exposeSampleData=True)).differences(
        definition_of(definition(exposeSampleData=1))
    ) == ("exposeSampleData",)


def test_a_token_in_a_uri_is_a_secret() -> None:
    model = having(asset1=asset("M", f"{OLD}?sv=1&sig=a%2Bb%3D")).serving().models["M"]

    assert (model.location, model.sas) == (OLD, Secret("?sv=1&sig=a%2Bb%3D"))


def test_a_definition_that_is_printed_tells_no_secrets() -> None:
    node = {"assetId": "asset1", "parameters": {"Account Key": {"value": "hunter2"}}}
    assets = {"asset1": asset(NAME, f"{OLD}?sig=s")}
    found = definition_of(definition(assets=assets, package={"nodes": {"node1": node}}))

    assert "hunter2" not in repr(found)
    assert "sig=s" not in repr([found])
    assert "census" in repr(found)


def test_a_token_of_another_asset_is_not_told_either() -> None:
    serving = having(asset1=asset("states.csv", f"{STORAGE}/states.csv?sig=abc")).serving()

    assert serving.others == (f"'states.csv' (Resource, {STORAGE}/states.csv)",)


@pytest.mark.parametrize(
    ("uri", "base", "relative"),
    [
        (OLD, f"{STORAGE}/", "experimentoutput/old.ilearner"),
        ("http://127.0.0.1:10000/acc/c/m.ilearner", "http://127.0.0.1:10000/acc/", "c/m.ilearner"),
        ("http://azurite:10000/acc/c/m.ilearner", "http://azurite:10000/acc/", "c/m.ilearner"),
    ],
)
def test_the_account_of_a_blob_is_found_in_its_host_or_its_path(
    uri: str, base: str, relative: str
) -> None:
    blob = blob_at(uri)

    assert (blob.base, blob.relative, blob.location) == (base, relative, uri)


def test_a_definition_kept_in_a_blob_is_said_to_be_and_what_to_do() -> None:
    location = {"uri": f"{STORAGE}/payloads/p.json?sig=abc"}
    found = definition_of(
        definition(assets=None, payloadsInBlobStorage=True, payloadsLocation=location)
    )

    with pytest.raises(NotUpdatable, match="larger than 3 MB") as caught:
        found.serving()

    assert f"lies in {STORAGE}/payloads/p.json; set the model there" in str(caught.value)
    assert "sig" not in str(caught.value)


def test_a_service_without_its_swagger_is_an_error() -> None:
    with pytest.raises(WireError, match="no swaggerLocation"):
        _ = definition_of(definition(swaggerLocation=None)).api_url


@pytest.mark.parametrize("said", [None, [], {"id": "x"}, {"properties": {"title": "x"}}])
def test_anything_else_is_no_definition(said: object) -> None:
    with pytest.raises(WireError, match="expected a web service with id and properties"):
        definition_of(said)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=5), JSON, max_size=4))
def test_a_definition_never_differs_from_itself(properties: dict[str, object]) -> None:
    found = Definition("/id", "n", "l", properties)

    assert found.differences(Definition("/id", "n", "l", deepcopy(properties))) == ()
