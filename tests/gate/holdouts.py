"""Small hold-outs as scored files, for tests of the whole gate."""

from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any, BinaryIO

import numpy as np

from airflow_aml_retrain.gate.decision import Decision, Spend, evaluate
from airflow_aml_retrain.gate.facts import Facts
from airflow_aml_retrain.gate.policy import Policy

ROWS = 2000
TRUTH = [at % 4 == 0 for at in range(ROWS)]
NO_WORSE: Mapping[str, object] = {"metric": "log_loss", "vs": "champion"}


def policy(*checks: Mapping[str, object], **more: Any) -> Policy:
    data = {"label": "income", **more.pop("data", {})}
    return Policy.parse({"data": data, "checks": list(checks), **more})


def model(skill: float, seed: int = 7, rows: int = ROWS) -> list[float]:
    """Scores that know the truth by *skill* and else guess."""
    noise = np.random.default_rng(seed).random(rows)
    truth = np.array([at % 4 == 0 for at in range(rows)])
    scores: list[float] = (0.05 + 0.9 * (skill * truth + (1 - skill) * noise)).tolist()
    return scores


def scored(
    scores: Sequence[object],
    truth: Sequence[bool] = TRUTH,
    **columns: Sequence[object],
) -> BinaryIO:
    """A scored CSV; *columns* come before label and score."""
    names = [*columns, "income", "Scored Probabilities"]
    labels = [">50K" if positive else "<=50K" for positive in truth]
    rows = zip(*columns.values(), labels, scores, strict=True)
    text = "".join(f"{','.join(map(str, row))}\n" for row in rows)
    return BytesIO(f"{','.join(names)}\n{text}".encode())


def decide(
    champion: BinaryIO | None,
    challenger: BinaryIO,
    rules: Policy,
    *,
    anchor: BinaryIO | None = None,
    spend: Spend | None = None,
    facts: Facts | None = None,
) -> Decision:
    files = {"champion": champion, "challenger": challenger, "anchor": anchor}
    sources = {who: file for who, file in files.items() if file is not None}
    return evaluate(sources, rules, spend=spend, facts=facts)


GOOD, MIDDLE, BAD = model(0.6), model(0.5), model(0.1)
