"""Whatever breaks while a decision is made, nothing is promoted."""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from inspect import isfunction
from math import nan
from pkgutil import walk_packages
from types import CodeType, FrameType, ModuleType
from typing import Any, Final

import numpy as np
import pytest

import airflow_aml_retrain.gate
from airflow_aml_retrain.gate.verdict import Verdict
from tests.gate.holdouts import decide, policy, scored

ROWS: Final = 240
TRUTH: Final = [at % 2 == 0 for at in range(ROWS)]
RULES: Final = policy(
    {"metric": "log_loss", "vs": "champion"},
    {"metric": "auc", "vs": "champion"},
    {"metric": "auc", "vs": "champion", "scope": "group=1"},
    {"metric": "accuracy", "vs": "prior"},
    {"metric": "recall", "vs": "champion", "mode": "veto"},
    data={"id": "row", "cluster_key": "customer"},
    preconditions={"max_score_psi": 9, "label_rate": {"reference": 0.5, "max_ratio": 2}},
    slices={
        "columns": ["group"],
        "metrics": ["log_loss", "recall"],
        "min_rows": 10,
        "min_positives": 5,
    },
    calibration={"slope": [0.01, 99], "observed_expected": [0.1, 9], "max_debiased_ce": 0.5},
    flips={"max_negative_rate": 0.3, "max_churn": 0.9},
)

Function = Callable[..., Any]


class Broken(Exception):
    """What no code of ours raises, and so nothing of ours expects."""


def verdict() -> Verdict:
    random = np.random.default_rng(0)
    truth = np.array(TRUTH)
    marks: dict[str, Any] = {
        "row": range(ROWS),
        "customer": [at // 3 for at in range(ROWS)],
        "group": [at // 2 % 2 for at in range(ROWS)],
    }

    def file(skill: float) -> Any:
        noisy = 0.5 + skill * (truth - 0.5) + 0.2 * random.standard_normal(ROWS)
        return scored(np.clip(noisy, 0.01, 0.99).tolist(), TRUTH, **marks)

    return decide(file(0.2), file(0.7), RULES, anchor=file(0.2)).verdict


def modules() -> list[ModuleType]:
    """Of the gate, less the command and what draws."""
    gate = airflow_aml_retrain.gate
    names = (each.name for each in walk_packages(gate.__path__, f"{gate.__name__}."))
    left_out = (f"{gate.__name__}.__main__", f"{gate.__name__}.report")
    return [import_module(name) for name in names if not name.startswith(left_out)]


@pytest.fixture(scope="module")
def called() -> dict[str, Function]:
    """Every function of the gate that one decision calls."""
    used = set[CodeType]()

    def look(frame: FrameType, event: str, argument: object) -> None:
        used.add(frame.f_code)

    threading.setprofile(look)
    sys.setprofile(look)
    try:
        assert verdict() is Verdict.PROMOTE
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    return {
        f"{module.__name__}.{name}": found
        for module in modules()
        for name, found in vars(module).items()
        if isfunction(found) and found.__module__ == module.__name__ and found.__code__ in used
    }


@contextmanager
def replaced(old: Function, new: Function) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for module in modules():
            for name in [name for name, found in vars(module).items() if found is old]:
                patch.setattr(module, name, new)
        yield


def poisoned(value: Any) -> Any:
    """*value* without any number that is one."""
    match value:
        case float():
            return nan
        case tuple() if value and all(isinstance(each, float) for each in value):
            return (nan,) * len(value)
        case np.ndarray() if value.dtype.kind == "f":
            return np.full_like(value, nan)
        case _:
            return value


def test_no_function_that_fails_promotes(called: dict[str, Function]) -> None:
    failed, promoted = set[str](), list[str]()

    def failing(name: str) -> Function:
        def fails(*_: object, **__: object) -> None:
            failed.add(name)
            raise Broken

        return fails

    for name, function in called.items():
        with replaced(function, failing(name)), suppress(Broken):
            if verdict() is Verdict.PROMOTE and name in failed:
                promoted.append(name)

    assert len(failed) > 150
    assert promoted == []


@pytest.mark.parametrize(
    "name",
    [
        "statistics.intervals.interval",
        "statistics.intervals.harm_p_value",
        "statistics.holm.holm",
        "scores.log_loss.value",
        "statistics.distributions.clopper_pearson",
    ],
)
def test_no_number_that_is_none_promotes(called: dict[str, Function], name: str) -> None:
    function = called[f"{airflow_aml_retrain.gate.__name__}.{name}"]
    spoilt = 0

    def spoils(*given: Any, **more: Any) -> Any:
        nonlocal spoilt
        found = function(*given, **more)
        spoilt += 1
        return poisoned(found)

    with replaced(function, spoils):
        said = verdict()

    assert spoilt
    assert said is not Verdict.PROMOTE
