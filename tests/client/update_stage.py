"""A new web service, its twin, and a promotion between them, for the tests of promotions."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

from airflow_aml_retrain.client.backend import Backend
from airflow_aml_retrain.client.champion import ChampionStore, HeldRecord
from airflow_aml_retrain.client.evidence import keep
from airflow_aml_retrain.client.promotion import Promotion
from airflow_aml_retrain.wire.champion import Model
from airflow_aml_retrain.wire.proof import Probe, probes_to_json, scored_columns
from tests.resources import Resources
from tests.world import answers, census_like

ROWS: Final = [
    {"age": "60", "hours": "60", "sector": "private", "income": ">50K"},
    {"age": "21", "hours": "12", "sector": "public", "income": "<=50K"},
]
OWNER: Final = "a test"


@dataclass
class Stage:
    """A web service, its record, a candidate, and what both models answer."""

    resources: Resources
    service: Backend
    promotion: Promotion
    champions: ChampionStore
    candidate: Model
    against: str
    before_probes: str

    def held(self, owner: str = OWNER) -> Any:
        return self.champions.held(self.service.uri, owner=owner)

    def begin(self, held: HeldRecord, **changes: Any) -> Any:
        return self.promotion.begin(
            held,
            changes.get("candidate", self.candidate),
            against=changes.get("against", self.against),
            owner=changes.get("owner", OWNER),
            before_probes=self.before_probes,
            definition=changes.get("definition", ""),
        )

    def promote(self, **changes: Any) -> Any:
        with self.held(changes.get("owner", OWNER)) as held:
            proof = self.begin(held, **changes)
            return proof or self.finish(held, **changes)

    def finish(self, held: HeldRecord, **changes: Any) -> Any:
        candidate = changes.get("candidate", self.candidate)
        return self.promotion.finish(held, candidate, owner=changes.get("owner", OWNER))

    def fault(self, do: dict[str, Any], **where: Any) -> None:
        self.resources.emulator.control.fail_next(do, plane="resources", **where)

    def put_by_hand(self, model: Model) -> None:
        """What somebody with the same rights does, and waits for."""
        blob = self.resources.store.reference(*model.archive.split("/", 1))
        verbs, resource = self.service.verbs, self.promotion.resource
        operation = self.service.run(verbs.publish(blob, resource))
        self.service.run(
            verbs.followed(operation, resource=resource, location=model.location, every=0.1)
        )

    @property
    def container(self) -> str:
        return self.promotion.archives

    def record(self) -> Any:
        return self.champions.read(self.service.uri)

    def serves(self) -> str:
        serving = self.service.run(self.service.verbs.serving())
        return next(iter(serving.models.values())).location

    def answers(self) -> list[str]:
        return answers(self.service, ROWS)


def probes_of(resources: Resources, backend: Backend, container: str) -> str:
    said = backend.run(backend.verbs.score(ROWS))
    probes = [Probe(row, scored_columns(answer)) for row, answer in zip(ROWS, said, strict=True)]
    return keep(resources.store, f"{container}/probes", probes_to_json(probes))


@contextmanager
def laid(resources: Resources, twin: Backend, container: str) -> Iterator[Stage]:
    """A fresh web service to promote into; the candidate's answers are those of *twin*."""
    service = resources.new_service()
    # An operation of the emulator takes a moment.
    service = replace(service, verbs=replace(service.verbs, lag=1.5))  # type: ignore[type-var] # ArmVerbs
    resource = next(iter(service.run(service.verbs.serving()).models))
    candidate = resources.foundry.candidate(
        "good", census_like(300), container, data_cutoff="2026-09-01"
    )
    blob = resources.store.reference(*candidate.archive.split("/", 1))
    staged = next(iter(twin.run(twin.verbs.serving()).models))
    operation = twin.run(twin.verbs.publish(blob, staged))
    twin.run(
        twin.verbs.followed(operation, resource=staged, location=candidate.location, every=0.1)
    )
    promotion = Promotion(
        backend=service,
        store=resources.store,
        resource=resource,
        archives=container,
        every=0.1,
        within=1.0,
        operation_within=30.0,
    )
    stage = Stage(
        resources,
        service,
        promotion,
        ChampionStore(resources.store, container),
        replace(candidate, probes=probes_of(resources, twin, container)),
        "",
        probes_of(resources, service, container),
    )
    stage.against = stage.serves()
    yield stage
    resources.emulator.control.clear_faults()
    service.close()
