"""
One job's work, as a worker process does it: read the input, train or score, write the results.

Law: nothing is written for a job whose *marker* file exists, because it was cancelled.
"""

from dataclasses import dataclass
from pathlib import Path

from airflow_aml_retrain.emulator import models, tables
from airflow_aml_retrain.emulator.models import NotAModel, Recipe, Trained
from airflow_aml_retrain.emulator.records import BlobReference, Kind, Task
from airflow_aml_retrain.emulator.refusals import bad_argument
from airflow_aml_retrain.emulator.storage import Storage, Unreadable
from airflow_aml_retrain.emulator.tables import BadData, Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """
    What is to be done.

    *outputs* are in the order of the service: model and evaluation, or the scored table.
    *storage* is a connection string, *model* where the model to score with lies.
    """

    kind: Kind
    recipe: Recipe
    storage: str
    source: BlobReference
    outputs: tuple[BlobReference, ...]
    model: BlobReference | None
    marker: Path


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a job failed: the module's own code and words, and the outer error."""

    code: str
    message: str
    outer: str = "ModuleExecutionError"
    status: int = 400


def get_ready() -> None:
    """Load what training takes, before there is something to train."""
    _trained(tables.parse(b"a,b\n1,1\n2,2\n"), Recipe(Task.REGRESSION, "b"))


def perform(order: Order) -> Failure | None:
    """Do *order*; the failure is an answer too, so that it crosses processes as plain words."""
    storage = Storage(order.storage)
    try:
        results = _results(order, storage)
    except BadData as exc:
        return Failure(exc.code, exc.message)
    except NotAModel as exc:
        return Failure("ModelPackageInvalid", str(exc), "InternalError", 500)
    except Unreadable as exc:
        message = bad_argument("BlobNotFound", order.source.relative, exc).details[0]["message"]
        return Failure("BlobNotFound", message, "BadArgument")
    return None if order.marker.exists() else _write(order, storage, results)


def learn(data: bytes, recipe: Recipe) -> Trained:
    """Train on the CSV in *data*."""
    return _trained(tables.parse(data), recipe)


def _trained(table: Table, recipe: Recipe) -> Trained:
    # Here, so that the process that only sends orders never loads scikit-learn.
    from airflow_aml_retrain.emulator import training

    return training.train(table, recipe)


def _results(order: Order, storage: Storage) -> tuple[bytes, ...]:
    table = tables.parse(storage.read(order.source), delimiter=_delimiter(order.source))
    if order.kind is Kind.TRAINING or order.model is None:
        trained = _trained(table, order.recipe)
        return trained.model, trained.evaluation
    scored = models.load(storage.read(order.model)).score(table)
    return (tables.render(scored, delimiter=_delimiter(order.outputs[0])),)


def _write(order: Order, storage: Storage, results: tuple[bytes, ...]) -> Failure | None:
    for output, data in zip(order.outputs, results, strict=True):
        try:
            storage.write(output, data)
        except Unreadable as exc:
            message = f"Unable to write the Azure blob - {output.relative}. {exc}."
            return Failure("OutputConversionFailed", message, "InternalError", 500)
    return None


def _delimiter(reference: BlobReference) -> str:
    return "\t" if reference.relative.endswith(".tsv") else ","
