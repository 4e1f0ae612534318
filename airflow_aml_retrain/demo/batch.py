"""
`python -m airflow_aml_retrain.demo.batch`: lets the next batch of daily data land.

It lands where `retrain_on_new_data` looks, which is woken by it.
"""

import argparse
import sys
from collections.abc import Sequence
from datetime import date
from typing import Final

from airflow_aml_retrain.demo.azurite import Azurite
from airflow_aml_retrain.demo.census import census
from airflow_aml_retrain.demo.landed import next_batch
from airflow_aml_retrain.demo.processes import DemoFailed
from airflow_aml_retrain.demo.screen import Screen
from airflow_aml_retrain.demo.story import CONTAINER
from airflow_aml_retrain.errors import RetrainError

# The daily batches are the same on any day.
_ANY: Final = date(2026, 1, 1)


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    screen = Screen()
    try:
        with Azurite.at(options.storage).store() as store:
            name = next_batch(store, census(_ANY))
    except (DemoFailed, RetrainError) as exc:
        screen.fail(str(exc))
        return 1
    screen.say(f"{CONTAINER}/{name} has landed" if name else "All batches have landed already")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m airflow_aml_retrain.demo.batch",
        description="Let the next batch of daily census data land.",
    )
    parser.add_argument("--storage", required=True, help="HOST:PORT of Azurite")
    return parser


if __name__ == "__main__":
    sys.exit(main())
