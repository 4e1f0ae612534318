"""
What the example DAGs find in storage, by the names that they give it.

Law: what is there already stays as it is. Of the daily batches the first ones have landed; each of
the others lands when it is told to (`demo.batch`).
"""

from collections.abc import Mapping
from itertools import islice
from typing import Final

from airflow_aml_retrain.client.blobs import BlobStore
from airflow_aml_retrain.demo.census import Census
from airflow_aml_retrain.demo.story import CONTAINER

TABLE: Final = "models.csv"

_DAYS: Final = 3


def landed(census: Census) -> Mapping[str, bytes]:
    """Every blob that is there from the beginning, by its name in the container `CONTAINER`."""
    blobs = {
        **census.audited,
        **census.earlier.landed,
        **census.good.landed,
        **census.corrupted.landed,
        **dict(islice(census.daily.items(), _DAYS)),
    }
    for region in census.regions.values():
        blobs |= {**region.landed, **region.audited}
    # Last: who finds the table finds all that it names.
    return {**blobs, TABLE: _table(census)}


def written(store: BlobStore, blobs: Mapping[str, bytes]) -> int:
    """How many of *blobs* were not there yet, and are now."""
    missing = [name for name in blobs if not store.exists(CONTAINER, name)]
    for name in missing:
        store.write(CONTAINER, name, blobs[name], overwrite=False)
    return len(missing)


def next_batch(store: BlobStore, census: Census) -> str | None:
    """Let the next daily batch land; its name, or None when all have."""
    missing = (name for name in census.daily if not store.exists(CONTAINER, name))
    name = next(missing, None)
    if name is not None:
        store.write(CONTAINER, name, census.daily[name], overwrite=False)
    return name


def _table(census: Census) -> bytes:
    """The table of `retrain_many_models`: a model for each region."""
    rows = [
        f"{name},{CONTAINER}/{name}/landing,{CONTAINER}/{name}/audited" for name in census.regions
    ]
    return "\n".join(["model,source,holdout_source", *rows, ""]).encode()
