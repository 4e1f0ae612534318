"""What a promotion promises: verified, or undone, or failed with both facts said."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from airflow_aml_retrain.client.backend import Backend
from airflow_aml_retrain.client.blobs import split_path
from airflow_aml_retrain.client.champion import ChampionStore, HeldRecord
from airflow_aml_retrain.client.evidence import keep
from airflow_aml_retrain.client.promotion import Promotion
from airflow_aml_retrain.errors import (
    LeaseHeld,
    PromotionFailed,
    PromotionFrozen,
    PromotionRefused,
    UnexpectedAnswer,
)
from airflow_aml_retrain.wire.champion import Freeze, Model
from airflow_aml_retrain.wire.proof import Probe, probes_to_json, scored_columns
from tests.world import World, answers, census_like

ROWS = [
    {"age": "60", "hours": "60", "sector": "private", "income": ">50K"},
    {"age": "21", "hours": "12", "sector": "public", "income": "<=50K"},
]
OWNER = "a test"
FREEZE = Freeze(by="a person", at="2026-11-01", why="complaints", owner=OWNER)


@dataclass
class Stage:
    """An endpoint, its record, a candidate, and what both models answer."""

    world: World
    endpoint: Backend
    promotion: Promotion
    champions: ChampionStore
    candidate: Model
    against: str
    before_probes: str
    container: str

    def promote(self, **changes: Any) -> Any:
        with self.champions.held(self.endpoint.uri) as held:
            return self.promotion.promote(
                held,
                changes.pop("candidate", self.candidate),
                against=changes.pop("against", self.against),
                owner=OWNER,
                before_probes=self.before_probes,
            )

    def put_back(self, **changes: Any) -> Any:
        archive = changes.pop("archive", None)
        with self.champions.held(self.endpoint.uri) as held:
            return self.promotion.put_back(held, replace(FREEZE, **changes), archive=archive)

    def record(self) -> Any:
        return self.champions.read(self.endpoint.uri)

    def serves(self) -> str:
        serving = self.endpoint.run(self.endpoint.verbs.serving())
        return next(iter(serving.models.values())).location


def probes_of(world: World, backend: Backend, container: str) -> str:
    said = backend.run(backend.verbs.score(ROWS))
    probes = [Probe(row, scored_columns(answer)) for row, answer in zip(ROWS, said, strict=True)]
    return keep(world.store, f"{container}/probes", probes_to_json(probes))


def stuck(stage: Stage, held: HeldRecord) -> PromotionFailed:
    """
    What a change ends with that does not come through, nor can be seen undone.

    As where somebody changes another part of what serves while the change is under way.
    """
    impostor = replace(stage.candidate, probes=stage.before_probes)
    stage.promotion.begin(
        held, impostor, against=stage.against, owner=OWNER, before_probes=stage.before_probes
    )
    pending = held.record.pending
    assert pending
    before = replace(pending.before, probes=stage.candidate.probes)
    held.save(replace(held.record, pending=replace(pending, before=before)))
    with pytest.raises(PromotionFailed, match="NOT verified") as failed:
        stage.promotion.finish(held, impostor, owner=OWNER)
    return failed.value


@pytest.fixture
def stage(world: World, container: str) -> Iterator[Stage]:
    endpoint, staging = world.new_endpoint(), world.new_endpoint("staging")
    resource = next(iter(endpoint.run(endpoint.verbs.serving()).models))
    candidate = world.candidate("good", census_like(300), container, data_cutoff="2026-09-01")
    blob = world.store.reference(*candidate.archive.split("/", 1))
    staging.run(staging.verbs.publish(blob, resource))
    champions = ChampionStore(world.store, container)
    promotion = Promotion(
        backend=endpoint,
        store=world.store,
        resource=resource,
        archives=container,
        every=0.05,
        within=0.3,
    )
    stage = Stage(
        world,
        endpoint,
        promotion,
        champions,
        replace(candidate, probes=probes_of(world, staging, container)),
        "",
        probes_of(world, endpoint, container),
        container,
    )
    stage.against = stage.serves()
    yield stage
    world.emulator.control.clear_faults()
    endpoint.close()
    staging.close()


def test_a_promoted_model_is_seen_serving_and_on_record(stage: Stage) -> None:
    before = answers(stage.endpoint, ROWS)

    proof = stage.promote()

    record = stage.record()
    assert proof.is_proven
    assert answers(stage.endpoint, ROWS) != before
    assert record.champion.job == stage.candidate.job
    assert record.previous.location == stage.against
    assert record.pending is None


def test_a_patch_that_is_accepted_and_ignored_fails_and_the_champion_stays(stage: Stage) -> None:
    before = answers(stage.endpoint, ROWS)
    stage.world.emulator.control.fail_next({"ignore_patch": True}, plane="management")

    with pytest.raises(PromotionFailed, match="not seen serving") as failed:
        stage.promote()

    assert failed.value.undone
    assert answers(stage.endpoint, ROWS) == before
    assert stage.record().pending is None
    assert stage.record().champion.location == stage.against


def test_a_model_that_answers_otherwise_than_in_staging_is_undone(stage: Stage) -> None:
    before = answers(stage.endpoint, ROWS)
    impostor = replace(stage.candidate, probes=stage.before_probes)

    with pytest.raises(PromotionFailed, match="answered otherwise") as failed:
        stage.promote(candidate=impostor)

    assert failed.value.undone
    assert answers(stage.endpoint, ROWS) == before


def test_an_undo_that_cannot_be_verified_says_so_and_stays_pending(stage: Stage) -> None:
    with stage.champions.held(stage.endpoint.uri) as held:
        failed = stuck(stage, held)

    assert not failed.undone
    assert stage.record().pending.candidate.job == stage.candidate.job


def test_a_promotion_that_died_after_the_patch_is_completed_by_the_next_try(stage: Stage) -> None:
    before = Model(location=stage.against, probes=stage.before_probes)
    with stage.champions.held(stage.endpoint.uri) as held:
        held.save(held.record.begun(stage.candidate, before, owner=OWNER, at="2026-10-01"))
        blob = stage.world.store.reference(*stage.candidate.archive.split("/", 1))
        stage.endpoint.run(stage.endpoint.verbs.publish(blob, stage.promotion.resource))
    since = stage.world.emulator.control.requests()[-1]["n"]

    proof = stage.promote()

    seen = stage.world.emulator.control.requests(since)
    assert proof.is_proven
    assert stage.record().champion.job == stage.candidate.job
    assert not [request for request in seen if request["method"] == "PATCH"]


def test_a_promotion_that_died_before_the_patch_is_made_by_the_next_try(stage: Stage) -> None:
    before = Model(location=stage.against, probes=stage.before_probes)
    with stage.champions.held(stage.endpoint.uri) as held:
        held.save(held.record.begun(stage.candidate, before, owner=OWNER, at="2026-10-01"))

    stage.promote()

    assert stage.record().champion.job == stage.candidate.job
    assert stage.serves() == stage.candidate.location


def test_an_older_candidate_never_replaces_a_newer_champion(stage: Stage) -> None:
    stage.promote()
    other = stage.world.candidate("other", census_like(120, seed=7), stage.container)
    older = replace(other, data_cutoff="2026-08-01", probes=stage.candidate.probes)

    with pytest.raises(PromotionRefused, match="older"):
        stage.promote(candidate=older, against=stage.serves())

    assert stage.serves() == stage.candidate.location


def test_a_decision_made_against_another_champion_is_refused(stage: Stage) -> None:
    with pytest.raises(PromotionRefused, match="evaluate again"):
        stage.promote(against="https://elsewhere/model.ilearner")

    assert stage.serves() == stage.against


def test_a_champion_that_answers_otherwise_than_when_it_was_judged_is_not_touched(
    stage: Stage,
) -> None:
    stage.before_probes = stage.candidate.probes
    since = stage.world.emulator.control.requests()[-1]["n"]

    with pytest.raises(PromotionRefused, match=r"changed since the decision.*evaluate again"):
        stage.promote()

    seen = [request["method"] for request in stage.world.emulator.control.requests(since)]
    assert "PATCH" not in seen
    assert stage.serves() == stage.against
    assert stage.record().pending is None


def test_the_look_at_the_champion_costs_one_reading_and_one_scoring(stage: Stage) -> None:
    since = stage.world.emulator.control.requests()[-1]["n"]

    stage.promote()

    seen = [request["method"] for request in stage.world.emulator.control.requests(since)]
    assert seen[: seen.index("PATCH")].count("POST") == 1


def test_a_champion_that_does_not_answer_just_then_was_not_changed_by_anybody(
    stage: Stage,
) -> None:
    fault = {"status": 400}
    stage.world.emulator.control.fail_next(fault, plane="execute")

    with pytest.raises(UnexpectedAnswer):
        stage.promote()

    assert stage.record().pending is None
    assert stage.promote().is_proven


def test_a_frozen_endpoint_takes_no_promotion(stage: Stage) -> None:
    with stage.champions.held(stage.endpoint.uri) as held:
        freeze = Freeze(by="a person", at="2026-10-01", why="fairness review")
        held.save(replace(held.record, freeze=freeze))

    with pytest.raises(PromotionFrozen, match="fairness review"):
        stage.promote()

    assert stage.serves() == stage.against


def test_two_promotions_of_one_endpoint_exclude_each_other(stage: Stage) -> None:
    with (
        stage.champions.held(stage.endpoint.uri),
        pytest.raises(LeaseHeld),
    ):
        stage.promote()

    assert stage.serves() == stage.against


def test_what_was_promoted_first_can_be_put_back_to_what_was_published(stage: Stage) -> None:
    before = answers(stage.endpoint, ROWS)
    stage.promote()

    stage.put_back()

    assert answers(stage.endpoint, ROWS) == before
    assert stage.record().previous.job == stage.candidate.job


def test_a_model_is_put_back_from_the_archive_when_the_service_has_forgotten_it(
    stage: Stage,
) -> None:
    stage.promote()
    other = stage.world.candidate("other", census_like(120, seed=7), stage.container)
    newer = replace(other, data_cutoff="2026-10-01")
    with stage.champions.held(stage.endpoint.uri) as held:
        stage.promotion.promote(held, newer, against=stage.serves(), owner=OWNER, before_probes="")

    proof = stage.put_back()

    assert proof.is_proven
    assert stage.serves() == stage.candidate.location


def test_a_foreign_model_is_archived_before_it_is_replaced(stage: Stage) -> None:
    foreign = stage.world.trained("other", census_like(120, seed=7), stage.container)
    with stage.world.backend("Census training") as trainer:
        outputs = trainer.run(trainer.verbs.outputs(foreign))
    model = next(blob for blob in outputs.values() if blob.is_model)
    stage.endpoint.run(stage.endpoint.verbs.publish(model, stage.promotion.resource))
    theirs = answers(stage.endpoint, ROWS)
    stage.before_probes = probes_of(stage.world, stage.endpoint, stage.container)

    stage.promote(against=stage.serves())
    stage.put_back()

    assert answers(stage.endpoint, ROWS) == theirs


def test_a_rollback_that_is_tried_again_does_not_go_back_and_forth(stage: Stage) -> None:
    published = answers(stage.endpoint, ROWS)
    stage.promote()
    stage.put_back()

    proof = stage.put_back()

    assert proof.holds
    assert answers(stage.endpoint, ROWS) == published


def test_a_second_rollback_by_another_run_is_refused_until_promotions_are_released(
    stage: Stage,
) -> None:
    stage.promote()
    stage.put_back()

    with pytest.raises(PromotionRefused, match="rolled back already"):
        stage.put_back(owner="another run")


def test_a_rollback_can_go_to_any_archived_model(stage: Stage) -> None:
    published = answers(stage.endpoint, ROWS)

    stage.put_back(archive=stage.candidate.archive)

    assert stage.serves() == stage.candidate.location
    assert answers(stage.endpoint, ROWS) != published
    assert stage.record().freeze.why == "complaints"


def test_a_rollback_to_an_archive_that_is_not_there_changes_nothing(stage: Stage) -> None:
    with pytest.raises(PromotionRefused, match="no archived model"):
        stage.put_back(archive=f"{stage.container}/nothing.ilearner")

    assert stage.serves() == stage.against


def test_an_archive_whose_bytes_changed_since_it_was_judged_is_not_promoted(stage: Stage) -> None:
    container, path = split_path(stage.candidate.archive)
    stage.world.store.write(container, path, b"poison")

    with pytest.raises(PromotionRefused, match="not the one that was judged"):
        stage.promote()

    assert stage.serves() == stage.against


def test_a_decision_that_does_not_say_against_whom_is_refused(stage: Stage) -> None:
    with pytest.raises(PromotionRefused, match="evaluate again"):
        stage.promote(against="")

    assert stage.serves() == stage.against


def test_another_s_change_that_was_undone_does_not_stop_one_s_own(stage: Stage) -> None:
    before = Model(location=stage.against, probes=stage.before_probes)
    impostor = replace(stage.candidate, probes=stage.before_probes)
    with stage.champions.held(stage.endpoint.uri) as held:
        held.save(held.record.begun(impostor, before, owner="another run", at="2026-10-01"))
        blob = stage.world.store.reference(*impostor.archive.split("/", 1))
        stage.endpoint.run(stage.endpoint.verbs.publish(blob, stage.promotion.resource))

    proof = stage.promote()

    assert proof.is_proven
    assert stage.record().champion.probes == stage.candidate.probes


def test_what_a_foreign_hand_put_there_meanwhile_is_left_alone_and_said(stage: Stage) -> None:
    foreign = stage.world.candidate("other", census_like(120, seed=7), stage.container)
    before = Model(location=stage.against, probes=stage.before_probes)
    with stage.champions.held(stage.endpoint.uri) as held:
        held.save(held.record.begun(stage.candidate, before, owner="another", at="2026-10-01"))
        blob = stage.world.store.reference(*foreign.archive.split("/", 1))
        stage.endpoint.run(stage.endpoint.verbs.publish(blob, stage.promotion.resource))

    with pytest.raises(PromotionRefused, match="evaluate again"):
        stage.promote()

    assert stage.serves() == foreign.location
    assert stage.record().champion.location == foreign.location


def test_the_batch_service_is_asked_as_well_where_it_will_be_used(stage: Stage) -> None:
    before = len(stage.world.emulator.control.jobs())
    stage.promotion = replace(stage.promotion, verify_batch=True, within=20.0)

    proof = stage.promote()

    assert proof.is_proven
    assert len(stage.world.emulator.control.jobs()) == before + 1


def test_a_lease_that_was_not_renewed_in_time_is_not_relied_upon(stage: Stage) -> None:
    with stage.champions.held(stage.endpoint.uri) as held:
        held._renewed_at -= 46

        with pytest.raises(LeaseHeld):
            held.require()


def test_going_back_to_what_is_not_published_any_more_is_refused_and_restores_nothing(
    stage: Stage,
) -> None:
    stage.promote()
    serves = stage.serves()
    with stage.champions.held(stage.endpoint.uri) as held:
        held.save(replace(held.record, previous=Model(location="https://a/c/replaced.ilearner")))

    with pytest.raises(PromotionRefused, match="it is not the published model"):
        stage.put_back()

    assert stage.serves() == serves
    assert stage.record().champion.location == serves
    assert stage.record().pending is None


def test_a_rollback_that_came_to_nothing_leaves_its_freeze_to_the_next(stage: Stage) -> None:
    stage.promote()
    with pytest.raises(PromotionRefused, match="no archived model"):
        stage.put_back(archive="aml/mistyped.ilearner", owner="first")

    stage.put_back(owner="second")

    assert stage.serves() == stage.against
    assert stage.record().freeze.owner == "second"
