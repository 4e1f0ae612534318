"""What is promised of definitions, whatever they hold: how a PATCH goes into what there is."""

import json
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_aml_retrain.emulator import definitions
from airflow_aml_retrain.emulator.definitions import Properties
from airflow_aml_retrain.emulator.views import date

CHEAPLY: Final = settings(max_examples=40)

_TEXTS: Final = st.text("abcXYZ019 ", min_size=1, max_size=6)
_MAPS: Final = st.dictionaries(_TEXTS, st.integers() | _TEXTS, max_size=3)
_LOCATIONS: Final = st.fixed_dictionaries({"uri": _TEXTS, "credentials": st.just("")})
_ASSETS: Final = st.dictionaries(
    _TEXTS,
    st.fixed_dictionaries(
        {
            "name": _TEXTS,
            "type": st.sampled_from(["Module", "Resource"]),
            "locationInfo": _LOCATIONS,
        }
    ),
    max_size=3,
)
WANTED: Final[st.SearchStrategy[Properties]] = st.fixed_dictionaries(
    {"packageType": st.just("Graph")},
    optional={
        "title": _TEXTS,
        "description": _TEXTS,
        "readOnly": st.booleans(),
        "exposeSampleData": st.booleans(),
        "realtimeConfiguration": st.fixed_dictionaries({"maxConcurrentCalls": st.integers(4, 200)}),
        "assets": _ASSETS,
        "parameters": _MAPS,
        "input": _MAPS,
        "keys": st.just({"primary": "secret"}),
        "commitmentPlan": st.just({"id": "secret"}),
        "storageAccount": st.just({"name": "account", "key": "secret"}),
    },
)


def _full(properties: Properties) -> Properties:
    """As a PATCH leaves it: without empty `parameters`."""
    return definitions.merged(properties, {})


@CHEAPLY
@given(WANTED, WANTED)
def test_a_patch_changes_what_it_names_and_nothing_else(one: Properties, other: Properties) -> None:
    before = definitions.created(one)

    after = definitions.merged(before, other)

    untouched = set(before) - set(other) - {"parameters"}
    assert {name: after[name] for name in untouched} == {name: before[name] for name in untouched}
    assert set(after) <= set(before) | set(other)


@CHEAPLY
@given(WANTED, WANTED)
def test_a_patch_twice_is_a_patch_once(one: Properties, other: Properties) -> None:
    once = definitions.merged(definitions.created(one), other)

    assert definitions.merged(once, other) == once


@CHEAPLY
@given(WANTED)
def test_what_is_read_and_sent_back_changes_nothing(wanted: Properties) -> None:
    before = _full(definitions.created(wanted))

    assert definitions.merged(before, definitions.written(before)) == before


@CHEAPLY
@given(WANTED, st.randoms())
def test_the_case_of_names_does_not_matter(wanted: Properties, chance: Any) -> None:
    shouted = {chance.choice([name, name.upper(), name.lower()]): v for name, v in wanted.items()}

    assert definitions.written(shouted) == wanted


@CHEAPLY
@given(WANTED, WANTED)
def test_no_secret_comes_to_be_part_of_a_definition(one: Properties, other: Properties) -> None:
    assert "secret" not in json.dumps(definitions.merged(definitions.created(one), other))


@CHEAPLY
@given(_ASSETS, _ASSETS)
def test_assets_are_replaced_or_merged_as_is_set(one: Properties, other: Properties) -> None:
    before = definitions.created({"assets": one})
    wanted = {"assets": other}
    left = {name.lower() for name in other}

    assert definitions.merged(before, wanted)["assets"] == other
    merged = definitions.merged(before, wanted, "merged")["assets"]
    assert merged == {name: v for name, v in one.items() if name.lower() not in left} | other


@pytest.mark.parametrize(
    ("asset", "expected"),
    [
        ({"name": "x", "locationInfo": {"uri": "https://a/b.ilearner"}}, True),
        ({"Name": "x", "LocationInfo": {"Uri": "https://a/b.ILEARNER?sv=1"}}, True),
        ({"name": "Census\u00a0[Trained Model]", "locationInfo": {"uri": "https://a/b"}}, True),
        ({"name": "x", "locationInfo": {"uri": "https://a/b.csv?b.ilearner"}}, False),
        ({"name": "x"}, False),
    ],
)
def test_a_trained_model_is_known_by_its_name_or_its_blob(
    asset: Properties, *, expected: bool
) -> None:
    assert definitions.is_model(asset) is expected


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (1493226337.0, "2017-04-26T17:05:37Z"),
        (1493226337.5, "2017-04-26T17:05:37.5Z"),
        (1493226337.25, "2017-04-26T17:05:37.25Z"),
        (0.9999999999, "1970-01-01T00:00:01Z"),
    ],
)
def test_a_time_has_no_zeros_at_its_end(seconds: float, said: str) -> None:
    assert date(seconds) == said
