"""
The gate's promises, by simulation: `make simulate`.

Law: what is simulated is the gate's own code, on worlds whose truth is known; every table ends
with PASS or FAIL, and the exit status is 1 if any failed. Names of tables may be given.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from time import perf_counter
from typing import Final

from tests.simulations import (
    calibrated,
    clusters,
    coverage,
    decay,
    matched,
    power,
    rare,
    reuse,
    shares,
    vetoes,
)
from tests.simulations.tables import Table
from tests.simulations.worlds import all_cores

WORLDS: Final = 1000

TABLES: Final[Mapping[str, Callable[[], Table]]] = {
    "binary": partial(coverage.binary_table, WORLDS),
    "regression": partial(coverage.regression_table, WORLDS),
    "multiclass": partial(coverage.multiclass_table, WORLDS),
    "unbalanced": partial(coverage.unbalanced_table, WORLDS),
    "rare": partial(rare.table, 3 * WORLDS),
    "clusters": partial(clusters.table, 600),
    "calibration": partial(calibrated.table, WORLDS),
    "matched": partial(matched.table, WORLDS),
    "shares": shares.table,
    "reuse": partial(reuse.table, WORLDS),
    "decay": partial(decay.table, 150),
    "slices": partial(vetoes.table, 600),
    "family": partial(vetoes.family_table, 600),
    "plan": partial(power.planned_table, WORLDS),
    "power": partial(power.seen_table, 300),
}


def main(names: Sequence[str]) -> int:
    failed = []
    start = perf_counter()
    with all_cores():
        for name in names or TABLES:
            began = perf_counter()
            table = TABLES[name]()
            _say(f"{table}\n  ({perf_counter() - began:.0f} s)\n")
            if not table.holds:
                failed.append(name)
    said = f"FAIL: {', '.join(failed)}" if failed else "PASS: every promise held"
    _say(f"{said} ({perf_counter() - start:.0f} s)")
    return 1 if failed else 0


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
