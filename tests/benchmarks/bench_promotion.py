"""
From "job finished" to "endpoint seen serving the new model": the journey's work, beside a script.

The journey is archive, stage, score both, gate, record, promote and prove, each phase as its task
does it, without Airflow around it. The script takes the job's model, PATCHes the endpoint and asks
until the answer changes: no archive, no staging, no gate, no record, no way back. By turns, on
fresh endpoints each round, against Azurite and the emulator as processes of their own. Time is
from first to last call of a phase, imports not included. Every PATCH is not seen for as long as
the service propagates it, which is taken off. Run:
`python -m tests.benchmarks.bench_promotion`.
"""

import sys
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Final

from azure.storage.blob import BlobServiceClient

from airflow_aml_retrain.client.archive import Archive
from airflow_aml_retrain.client.backend import Backend
from airflow_aml_retrain.client.blobs import BlobStore, split_path
from airflow_aml_retrain.client.champion import ChampionStore
from airflow_aml_retrain.client.evidence import keep, keep_probes
from airflow_aml_retrain.client.promotion import Promotion
from airflow_aml_retrain.client.rows import first_rows
from airflow_aml_retrain.client.scoring import agreement, keep_scored
from airflow_aml_retrain.client.staging import place, see_answering
from airflow_aml_retrain.client.studio import StudioSettings, connect, studio
from airflow_aml_retrain.demo import emulation
from airflow_aml_retrain.demo.airflow import free_port
from airflow_aml_retrain.demo.azurite import Azurite
from airflow_aml_retrain.demo.census import LABEL, Census, census
from airflow_aml_retrain.demo.processes import Supervisor
from airflow_aml_retrain.demo.workspace import SCORING, TRAINING, CensusWorkspace
from airflow_aml_retrain.gate.decision import Decision, evaluate
from airflow_aml_retrain.gate.policy import Policy
from airflow_aml_retrain.gate.records.body import body
from airflow_aml_retrain.gate.records.record import DecisionRecord
from airflow_aml_retrain.gate.rows import CHALLENGER, CHAMPION
from airflow_aml_retrain.gate.scores.telling import telling_rows
from airflow_aml_retrain.gate.verdict import Verdict
from airflow_aml_retrain.wire.blobs import ModelBlob, choose_model
from airflow_aml_retrain.wire.champion import Model
from airflow_aml_retrain.wire.conversation import pause
from airflow_aml_retrain.wire.jobs import JobId, started, wait
from airflow_aml_retrain.wire.secret import Secret

ROUNDS: Final = 3
PROPAGATION: Final = 2.0
EVERY: Final = 0.2
"""Seconds between two looks; users look less often, and then wait longer."""

PLACE: Final = "bench"
HOLDOUT: Final = f"{PLACE}/holdout.csv"
POLICY: Final = Policy.parse(
    {"data": {"label": LABEL}, "checks": [{"metric": "auc", "vs": "champion"}]}
)
TITLES: Final = {
    "archive": "archive the model",
    "stage": "stage it, seen answering",
    "score both": "score both by batch, side by side",
    "gate": "gate",
    "record": "probes and record",
    "promote": "promote, seen serving by RRS and batch",
}
PATCHING: Final = frozenset({"stage", "promote"})


@dataclass
class Watch:
    """Seconds of each phase, one for each round."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    @contextmanager
    def over(self, phase: str) -> Iterator[None]:
        start = perf_counter()
        yield
        self.seconds[phase].append(perf_counter() - start)

    def whole(self) -> list[float]:
        return [sum(phases) for phases in zip(*(self.seconds[p] for p in TITLES), strict=True)]


@dataclass(frozen=True)
class Scene:
    """A workspace in which *job* has trained a model that is better than the one in service."""

    settings: StudioSettings
    store: BlobStore
    job: JobId

    def connected(self, service: str, endpoint: str | None = None) -> Backend:
        return connect(self.settings, service, endpoint)

    def patched(self, endpoint: str, resource: str, model: ModelBlob) -> None:
        with studio(self.settings) as manager:
            service = manager.run(manager.workspace.service(SCORING))
            manager.run(manager.workspace.patch(service, endpoint, resource, model))


def main() -> None:
    watch = Watch()
    with TemporaryDirectory() as folder, Supervisor(Path(folder) / "logs") as supervisor:
        azurite = Azurite.start(supervisor)
        emulator = emulation.start(
            supervisor, azurite, Path(folder) / "state", free_port(), propagation=PROPAGATION
        )
        data = census(date(2026, 11, 1))
        workspace = CensusWorkspace.publish(emulator, data.published)
        with BlobServiceClient.from_connection_string(azurite.connection_string) as service:
            scene = trained(workspace, BlobStore(service), data)
            for number in range(ROUNDS):
                for name in ("script", "production", "staging"):
                    workspace.create_endpoint(f"{name}{number}")
                script(scene, f"script{number}", watch)
                journey(scene, f"production{number}", f"staging{number}", watch)
    report(watch)


def trained(workspace: CensusWorkspace, store: BlobStore, data: Census) -> Scene:
    """The scene when the training job has just finished."""
    first, *others = data.good.landed.values()
    rows = b"".join([first, *(other.partition(b"\n")[2] for other in others)])
    store.write(PLACE, "training.csv", rows)
    store.write(*split_path(HOLDOUT), next(iter(data.audited.values())))
    settings = StudioSettings(workspace.url, workspace.workspace_id, Secret(workspace.token))
    with connect(settings, TRAINING) as trainer:
        blob = store.reference(PLACE, "training.csv")
        job = trainer.run(trainer.verbs.submit({"input1": blob}, {}))
        trainer.run(started(trainer.verbs, job))
        trainer.run(wait(trainer.verbs, job, every=EVERY)).require_success()
    return Scene(settings, store, job)


def script(scene: Scene, endpoint: str, watch: Watch) -> None:
    """The bare minimum: the job's model into the endpoint, and asking until answers change."""
    row = first_rows(scene.store, HOLDOUT, 1)
    with watch.over("script"), scene.connected(SCORING, endpoint) as backend:
        with scene.connected(TRAINING) as trainer:
            model = choose_model(trainer.run(trainer.verbs.outputs(scene.job)))
        before = backend.run(backend.verbs.score(row))
        scene.patched(endpoint, resource_of(backend), model)
        while backend.run(backend.verbs.score(row)) == before:
            backend.run(pause(EVERY))


def journey(scene: Scene, production: str, staging: str, watch: Watch) -> None:
    store = scene.store
    with watch.over("archive"), scene.connected(TRAINING) as trainer:
        model = Archive(store, f"{PLACE}/archives").of_job(trainer, scene.job)
    with watch.over("stage"), scene.connected(SCORING, staging) as backend:
        blob = store.reference(*split_path(model.archive))
        rows = first_rows(store, HOLDOUT, 50)
        resource = resource_of(backend)
        placed = backend.run(place(backend.verbs, blob, resource, rows=rows))
        backend.run(
            see_answering(backend.verbs, placed, blob.location, rows=rows, every=EVERY, within=60.0)
        )
    with watch.over("score both"), ThreadPoolExecutor() as both:
        old, new = both.map(partial(scored, scene), (production, staging))
    with watch.over("gate"):
        decision = judged(store, old, new)
    with watch.over("record"):
        before, candidate = recorded(store, decision, old, new, model)
    with watch.over("promote"), scene.connected(SCORING, production) as backend:
        promoted(store, backend, candidate, before)


def scored(scene: Scene, endpoint: str) -> str:
    """Where the hold-out lies as *endpoint* scored it."""
    store, place = scene.store, f"{PLACE}/scored/{endpoint}.csv"
    with scene.connected(SCORING, endpoint) as backend:
        inputs = {"input1": store.reference(*split_path(HOLDOUT))}
        job = backend.run(backend.verbs.submit(inputs, {}))
        backend.run(started(backend.verbs, job))
        backend.run(wait(backend.verbs, job, every=EVERY)).require_success()
        keep_scored(backend, job, store, place, output=None)
        if not agreement(backend, store, HOLDOUT, place, rows=20, every=1.0).holds:
            sys.exit("batch and request-response disagree")
    return place


def judged(store: BlobStore, old: str, new: str) -> Decision:
    with store.open(*split_path(old)) as champion, store.open(*split_path(new)) as challenger:
        decision = evaluate({CHAMPION: champion, CHALLENGER: challenger}, POLICY)
    if decision.verdict is not Verdict.PROMOTE:
        sys.exit(decision.headline)
    return decision


def recorded(
    store: BlobStore, decision: Decision, old: str, new: str, model: Model
) -> tuple[str, Model]:
    """The probes of the champion, and the candidate with its own and with its decision."""
    numbers = [number - 1 for number in telling_rows(decision.rows)] if decision.rows else []
    before, after = (
        keep_probes(store, PLACE, rows=HOLDOUT, scored=place, numbers=numbers)
        for place in (old, new)
    )
    record = DecisionRecord(body(decision, {}), {})
    place = keep(store, f"{PLACE}/decisions", record.to_json())
    return before, replace(model, probes=after, decision=place, data_cutoff="2026-10-01")


def promoted(store: BlobStore, backend: Backend, candidate: Model, before: str) -> None:
    resource = resource_of(backend)
    serves = backend.run(backend.verbs.serving()).models[resource].location
    promotion = Promotion(
        backend=backend,
        store=store,
        resource=resource,
        archives=f"{PLACE}/archives",
        every=EVERY,
        verify_batch=True,
    )
    with ChampionStore(store, PLACE).held(backend.uri) as held:
        proof = promotion.promote(
            held, candidate, against=serves, owner="bench", before_probes=before
        )
    if not proof.is_proven:
        sys.exit(f"not proven: {proof}")


def resource_of(backend: Backend) -> str:
    return next(iter(backend.run(backend.verbs.serving()).models))


def report(watch: Watch) -> None:
    say(
        f'from "job finished" to "seen serving", {ROUNDS} rounds, without Airflow; looks every '
        f"{EVERY} s,\ncensus: 6,000 rows trained on, 4,000 held out; propagation "
        f"{PROPAGATION:.0f} s for each PATCH"
    )
    say(f"{'':44}{'s min':>8}{'median':>8}{'median less propagation':>25}")
    for phase, title in TITLES.items():
        row(title, watch.seconds[phase], patches=int(phase in PATCHING))
    whole = row("the journey", watch.whole(), patches=2)
    bare = row("a script: PATCH, ask until it changes", watch.seconds["script"], patches=1)
    alone = median(watch.seconds["promote"]) - PROPAGATION
    say(
        f"ratio, less propagation: the journey {whole / bare:.1f}, its promotion {alone / bare:.1f}"
    )


def row(title: str, seconds: list[float], *, patches: int) -> float:
    """Show one line; its median less propagation."""
    less = median(seconds) - patches * PROPAGATION
    say(f"{title:44}{min(seconds):8.2f}{median(seconds):8.2f}{less:25.2f}")
    return less


def say(line: str) -> None:
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    main()
