"""docs/policy.md tells every key, every default and every example as the code has it."""

import re
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from pathlib import Path
from statistics import NormalDist
from typing import Final

import pytest

from airflow_aml_retrain.gate.explain import explain
from airflow_aml_retrain.gate.holdout.spending import alpha_of, uses_of
from airflow_aml_retrain.gate.metrics import METRICS
from airflow_aml_retrain.gate.policy import Policy
from airflow_aml_retrain.gate.rules.check import Check, Mode
from airflow_aml_retrain.gate.rules.parsing import Section, plain
from airflow_aml_retrain.gate.rules.policy_text import document
from airflow_aml_retrain.gate.rules.sections import (
    Calibration,
    Data,
    DecisionRules,
    Flips,
    HoldoutRules,
    LabelRate,
    OperatingPoint,
    Operations,
    Preconditions,
    Reuse,
    Slices,
    Spending,
)
from airflow_aml_retrain.gate.verdict import Verdict
from tests.gate.test_policy import is_said_by

PAGE: Final = (Path(__file__).parents[2] / "docs" / "policy.md").read_text("utf-8")

SECTIONS: Final[Mapping[str, type[Section]]] = {
    "the policy itself": Policy,
    "`data`": Data,
    "`decision`": DecisionRules,
    "`decision.operating_point`": OperatingPoint,
    "`preconditions`": Preconditions,
    "`preconditions.label_rate`": LabelRate,
    "`checks`": Check,
    "`calibration`": Calibration,
    "`flips`": Flips,
    "`slices`": Slices,
    "`operations`": Operations,
    "`holdout`": HoldoutRules,
    "`holdout.reuse`": Reuse,
}

# What must be said beside a key, by section, or where they differ by key.
BESIDE: Final[Mapping[str, Mapping[str, object]]] = {
    "the policy itself": {"checks": [{"metric": "auc", "vs": "champion"}]},
    "`preconditions.label_rate`": {"reference": 0.5, "max_ratio": 3},
    "`checks`": {"metric": "log_loss", "vs": "champion"},
    "`calibration`": {"slope": [0.5, 2]},
    "`flips`": {"max_churn": 0.5},
    "`slices`": {"columns": ["region"], "metrics": ["log_loss", "recall"]},
    "`operations`": {"max_model_mb": 1},
    "at_least": {"metric": "auc"},
    "at_most": {"metric": "log_loss"},
}


def table(heading: str) -> list[list[str]]:
    """The rows of the table under *heading*, cell by cell, without its title."""
    under = re.split(r"(?m)^#{2,3} ", PAGE.split(f"# {heading}\n", 1)[1])[0]
    lines = [line for line in under.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line[1:-1].split(" |")] for line in lines[2:]]


def blocks(language: str) -> list[str]:
    return re.findall(rf"(?s)```{language}\n(.*?)```", PAGE)


def value(cell: str) -> object:
    return document(cell.strip("`"))


def default(field: Field[object]) -> object:
    """The *field*'s default, as the page has it."""
    if field.default is not MISSING:
        return plain(field.default)
    # What has keys of its own has its defaults in a table of its own.
    return "required" if field.default_factory is MISSING else None


def test_every_section_has_its_table() -> None:
    assert re.findall(r"(?m)^### (.*)$", PAGE) == list(SECTIONS)


@pytest.mark.parametrize("heading", SECTIONS)
def test_keys_and_defaults_are_those_of_the_code(heading: str) -> None:
    told = {row[0]: value(row[1]) for row in table(heading)}

    section = SECTIONS[heading]
    keys = section.keys()
    assert told == {
        f"`{each.name}`": default(each) for each in fields(section) if each.name in keys
    }
    assert list(told) == [f"`{key}`" for key in keys]


@pytest.mark.parametrize("heading", SECTIONS)
def test_each_example_is_understood_and_says_something_else_than_the_default(heading: str) -> None:
    section = SECTIONS[heading]

    for cell, usual, example, meaning in table(heading):
        key = cell.strip("`")
        said = {**BESIDE.get(key, BESIDE.get(heading, {})), key: value(example)}
        made = plain(getattr(section.parse(said), key))

        assert is_said_by(value(example), made)
        assert made != value(usual)
        assert len(meaning) > 5


def test_each_policy_on_the_page_is_one() -> None:
    for text in blocks("yaml"):
        said = document(text)
        assert isinstance(said, dict)
        Policy.parse({"checks": [{"metric": "log_loss", "vs": "champion"}], **said})

    assert len(blocks("yaml")) == 9


def test_the_first_policy_is_explained_as_the_page_says() -> None:
    assert f"{explain(Policy.load(blocks('yaml')[0]))}\n" == blocks("text")[0]


def test_the_plan_on_the_page_is_what_its_code_prints(capsys: pytest.CaptureFixture[str]) -> None:
    exec(blocks("python")[0], {})  # noqa: S102 - our own page

    assert capsys.readouterr().out == blocks("text")[1]


@pytest.mark.parametrize("spending", Spending)
def test_the_table_of_alpha_is_what_the_ledger_spends(spending: Spending) -> None:
    rows = {row[0]: row[1:5] for row in table("The hold-out budget")}
    reach, power = NormalDist().inv_cdf, NormalDist().inv_cdf(0.8)

    def told(use: int) -> str:
        if use > uses_of(spending, 12):
            return "exhausted"
        alpha = alpha_of(spending, use, 12, 0.05)
        price = ((reach(1 - alpha) + power) / (reach(0.95) + power)) ** 2
        return f"{100 * alpha:.2g} % ({price:.1f}x)"

    assert rows[f"`{spending}`"] == [told(use) for use in (1, 2, 3, 12)]


def test_the_metrics_are_those_of_the_registry() -> None:
    told = [[cell.strip("`") for cell in row] for row in table("Metrics")]

    assert told == [
        [
            metric.name,
            ", ".join(sorted(metric.tasks)),
            metric.direction.value,
            "yes" if metric.has_prior else "",
            ", ".join(metric.aliases),
        ]
        for metric in METRICS.values()
    ]


def test_each_link_leads_somewhere_on_the_page() -> None:
    titles = re.findall(r"(?m)^#+ (.*)$", PAGE)
    places = {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles}

    assert set(re.findall(r"\(#([^)]*)\)", PAGE)) <= places


def test_every_verdict_and_every_mode_has_its_place() -> None:
    assert [row[0].strip("`") for row in table("Verdicts")] == [each.value for each in Verdict]
    assert [f"# Mode: {mode}\n" in PAGE for mode in Mode] == [True] * 3
