"""
What a promotion by an update of a definition promises: seen serving, or undone, or said.

An update that succeeds and changes nothing was the most reported fault of this procedure.
"""

from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any, BinaryIO

import pytest

from airflow_aml_retrain.client.acceptance import accept_pending
from airflow_aml_retrain.client.backend import Backend
from airflow_aml_retrain.client.blobs import BlobStore
from airflow_aml_retrain.client.promotion import Promotion
from airflow_aml_retrain.errors import (
    LeaseHeld,
    NotUpdatable,
    PromotionFailed,
    PromotionFrozen,
    PromotionRefused,
    WireError,
)
from airflow_aml_retrain.wire.arm import ArmVerbs
from airflow_aml_retrain.wire.champion import Acceptance, Freeze
from airflow_aml_retrain.wire.conversation import Conversation
from tests.client.update_stage import Stage, laid
from tests.resources import Resources
from tests.world import census_like


@pytest.fixture(scope="module")
def twin(resources: Resources) -> Iterator[Backend]:
    """A web service that answers with the candidate's model, to be asked for its answers."""
    with resources.signed_in(), resources.new_service("twin") as twin:
        yield twin


@pytest.fixture
def stage(resources: Resources, twin: Backend, container: str) -> Iterator[Stage]:
    with laid(resources, twin, container) as stage:
        yield stage


def test_a_promoted_model_is_read_back_answers_and_is_on_record(stage: Stage) -> None:
    before = stage.answers()

    proof = stage.promote()

    record = stage.record()
    assert proof.is_proven
    assert stage.answers() != before
    assert stage.serves() == record.champion.location == stage.candidate.location
    assert record.previous.location == stage.against
    assert record.pending is None


def test_an_update_that_succeeds_and_changes_nothing_is_a_failure_and_the_champion_stays(
    stage: Stage,
) -> None:
    before = stage.answers()
    stage.fault({"ignore_patch": True})

    with pytest.raises(PromotionFailed, match="was not seen serving") as failed:
        stage.promote()

    assert failed.value.undone
    assert stage.answers() == before
    assert stage.record().pending is None


def test_an_update_that_is_read_back_but_does_not_answer_is_undone_to_the_definition_before(
    stage: Stage,
) -> None:
    before = stage.answers()
    stage.fault({"serve_old": True})

    with pytest.raises(PromotionFailed, match="probe rows are answered otherwise") as failed:
        stage.promote()

    assert failed.value.undone
    assert stage.serves() == stage.against
    assert stage.answers() == before


def test_a_read_back_that_is_stale_for_a_while_is_waited_out(stage: Stage) -> None:
    with stage.held() as held:
        stage.begin(held)
        stage.fault({"stale_read": True}, times=3)

        assert stage.finish(held).is_proven


def test_a_read_back_that_stays_stale_is_never_taken_for_serving_and_a_person_is_called(
    stage: Stage,
) -> None:
    before = stage.answers()
    stage.fault({"stale_read": True}, times=100_000)

    with pytest.raises(
        PromotionFailed, match=r"its read-back names .* A person must look"
    ) as failed:
        stage.promote()

    assert not failed.value.undone
    assert stage.answers() == before
    assert stage.record().pending is not None


def test_an_operation_that_fails_keeps_the_champion_and_gives_the_services_reason(
    stage: Stage,
) -> None:
    before = stage.answers()
    stage.fault({"fail_operation": "the package could not be loaded"})

    with pytest.raises(PromotionFailed, match="the package could not be loaded") as failed:
        stage.promote()

    assert failed.value.undone
    assert stage.serves() == stage.against
    assert stage.answers() == before


def test_an_operation_that_hangs_leaves_the_change_pending_and_both_facts_said(
    stage: Stage,
) -> None:
    stage.promotion = replace(stage.promotion, operation_within=0.5, settle_within=0.5)
    stage.fault({"hang_operation": True})

    with pytest.raises(PromotionFailed, match="has not ended the change") as failed:
        stage.promote()

    pending = stage.record().pending
    assert not failed.value.undone
    assert pending.candidate.location == stage.candidate.location
    assert pending.operation
    with pytest.raises(PromotionFailed, match=r"that a test began .* has not ended"):
        stage.promote(owner="another run")


def test_what_a_hung_operation_has_blocked_a_person_can_open_again(stage: Stage) -> None:
    stage.promotion = replace(stage.promotion, operation_within=0.5, settle_within=0.5)
    stage.fault({"hang_operation": True})
    with pytest.raises(PromotionFailed, match="the next run settles it"):
        stage.promote()
    with pytest.raises(PromotionFailed, match="accept_pending=True"):
        stage.promote(owner="another run")
    word = Acceptance(by="ada", at="2026-11-01", why="the service has forgotten it")

    with stage.held("ada's run") as held:
        accept_pending(
            held,
            stage.service,
            stage.promotion.store,
            resource=stage.promotion.resource,
            acceptance=word,
            owner="ada's run",
        )

    record = stage.record()
    assert record.pending is None
    assert record.champion.location == record.acceptance.serves == stage.against
    assert record.acceptance.ended.operation
    stage.promotion = replace(stage.promotion, operation_within=30.0)
    assert stage.promote().is_proven


def test_a_token_that_ends_during_the_operation_is_renewed(stage: Stage) -> None:
    stage.fault({"expire_tokens": True}, path="/operationsStatus/")

    assert stage.promote().is_proven


def test_while_one_run_is_at_work_without_a_worker_no_other_touches_the_service(
    stage: Stage,
) -> None:
    with stage.held() as held:
        assert stage.begin(held) is None

    with pytest.raises(LeaseHeld, match="is held by a test"), stage.held("another run"):
        pass

    with stage.held() as held:
        assert stage.finish(held).is_proven


def test_a_person_freezes_promotions_at_once_and_what_is_under_way_still_ends(
    stage: Stage,
) -> None:
    freeze = Freeze(by="a person", at="2026-11-01", why="complaints", owner="a person's run")
    with stage.held() as held:
        stage.begin(held)

    with stage.champions.held(stage.service.uri, in_turn=False) as held:
        stage.promotion.freeze(held, freeze)

    assert stage.record().freeze == freeze
    with stage.held() as held:
        assert stage.finish(held).is_proven
    with pytest.raises(PromotionFrozen, match="complaints"):
        stage.promote(candidate=replace(stage.candidate, location="https://a/other.ilearner"))


def test_what_a_killed_run_began_is_settled_by_the_next_one(stage: Stage) -> None:
    with stage.held() as held:
        stage.begin(held, definition="kept/before.json")  # and here its worker dies

    proof = stage.promote(definition="kept/after.json")

    assert proof.is_proven
    assert stage.record().previous.definition == "kept/before.json"
    assert stage.record().champion.location == stage.candidate.location
    assert stage.record().pending is None


def test_another_decision_of_the_same_task_does_not_end_the_change_of_the_first(
    stage: Stage,
) -> None:
    second = replace(stage.candidate, location=f"{stage.candidate.location}/second")
    with stage.held() as held:
        stage.begin(held)  # killed, cleared, and decided anew

    with pytest.raises(PromotionFailed, match="was settled"), stage.held() as held:
        stage.finish(held, candidate=second)

    assert stage.record().pending is None
    assert stage.record().champion.location == stage.candidate.location


def test_an_update_is_not_forgotten_where_signing_in_fails_after_it_was_sent(stage: Stage) -> None:
    control = stage.resources.emulator.control
    stage.fault({"drop": True, "after": True}, method="PATCH")
    stage.fault({"expire_tokens": True}, method="PATCH")
    control.fail_next({"status": 400}, plane="identity", times=1000)

    with pytest.raises(PromotionFailed, match="A person must look"):
        stage.promote()
    control.clear_faults()

    assert stage.record().pending is not None
    assert stage.promote().is_proven


def test_an_undo_is_judged_by_the_answers_that_the_champion_gives_now(stage: Stage) -> None:
    stage.promote()
    with stage.held() as held:
        stale = replace(held.record.champion, probes=stage.before_probes)
        held.save(replace(held.record, champion=stale))
    stage.before_probes, stage.against = stage.candidate.probes, stage.serves()
    other = stage.resources.foundry.candidate(
        "other", census_like(200, seed=7), stage.container, data_cutoff="2026-10-01"
    )
    stage.fault({"ignore_patch": True})

    with pytest.raises(PromotionFailed, match="was not seen serving") as failed:
        stage.promote(candidate=other)

    assert failed.value.undone
    assert stage.record().pending is None


def test_a_change_whose_operation_was_never_written_down_is_settled_once_it_would_be_seen(
    stage: Stage,
) -> None:
    with stage.held() as held:
        stage.begin(held)  # and here its worker dies, before it has written that down
        pending = replace(held.record.pending, operation="", until="", since="2020-01-01T00:00:00Z")
        held.save(replace(held.record, pending=pending))

    with stage.held("another run") as held:
        stage.promotion.settle(held)

    assert stage.record().pending is None
    assert stage.record().champion.location == stage.serves() == stage.candidate.location


@pytest.mark.parametrize("status", [403, 404])
def test_a_change_whose_operation_tells_nothing_is_settled_by_reading(
    stage: Stage, status: int
) -> None:
    with stage.held() as held:
        stage.begin(held)
        held.save(held.record.under_way(held.record.pending.operation, until="2020-01-01T00:00Z"))
    stage.fault({"status": status}, path="/operationsStatus/", times=100)

    with stage.held("another run") as held:
        stage.promotion.settle(held)

    assert stage.record().pending is None
    assert stage.record().champion.location == stage.serves() == stage.candidate.location


def test_the_failure_of_an_earlier_update_is_not_taken_for_ours(stage: Stage) -> None:
    stage.fault({"fail_operation": "no such package"})
    with pytest.raises(PromotionFailed, match="no such package"):
        stage.promote()
    stage.fault({"status": 403}, path="/operationsStatus/", times=100)

    assert stage.promote().is_proven
    assert stage.record().champion.location == stage.serves()


def test_an_update_whose_answer_was_lost_is_looked_for_before_an_undo_is_claimed(
    stage: Stage,
) -> None:
    stage.fault({"drop": True, "after": True}, method="PATCH")
    stage.fault({"status": 403}, method="PATCH")

    with pytest.raises(PromotionFailed, match="did not take") as failed:
        stage.promote()

    assert failed.value.undone
    assert stage.record().champion.location == stage.serves() == stage.against


def test_a_run_whose_change_another_one_completed_has_its_proof(stage: Stage) -> None:
    with stage.held() as held:
        stage.begin(held)
        held.save(held.record.under_way(held.record.pending.operation, until=""))
    with stage.held("another run") as held:
        stage.promotion.settle(held)

    with stage.held() as held:
        assert stage.finish(held).is_proven


def test_a_model_that_a_foreign_hand_puts_there_in_the_last_moment_is_not_overwritten(
    stage: Stage,
) -> None:
    other = stage.resources.foundry.candidate("other", census_like(200, seed=7), stage.container)

    class Meanwhile(BlobStore):
        """Storage that takes its time: while the archive is hashed, somebody updates."""

        def open(self, container: str, path: str) -> BinaryIO:
            if path.endswith(".ilearner") and stage.serves() == stage.against:
                stage.put_by_hand(other)
            return super().open(container, path)

    stage.promotion = replace(stage.promotion, store=Meanwhile(stage.resources.blob_service))

    with pytest.raises(PromotionRefused, match="was changed meanwhile"):
        stage.promote()

    assert stage.serves() == other.location
    assert stage.record().pending is None


def test_a_service_in_which_another_part_was_changed_since_the_decision_is_not_touched(
    stage: Stage,
) -> None:
    stage.before_probes = stage.candidate.probes
    since = stage.resources.emulator.control.requests()[-1]["n"]

    with pytest.raises(PromotionRefused, match=r"changed since the decision.*evaluate again"):
        stage.promote()

    seen = [request["method"] for request in stage.resources.emulator.control.requests(since)]
    assert "PATCH" not in seen
    assert stage.serves() == stage.against
    assert stage.record().pending is None


def test_a_champion_that_a_foreign_hand_replaced_is_not_overwritten(stage: Stage) -> None:
    other = stage.resources.foundry.candidate("other", census_like(200, seed=7), stage.container)
    stage.put_by_hand(other)

    with pytest.raises(PromotionRefused, match="evaluate again"):
        stage.promote()

    assert stage.serves() == other.location


def test_a_person_can_put_the_model_before_back(stage: Stage) -> None:
    before = stage.answers()
    stage.promote()
    freeze = Freeze(by="a person", at="2026-11-01", why="complaints", owner="a person's run")

    with stage.held("a person's run") as held:
        stage.promotion.put_back(held, freeze)

    assert stage.answers() == before
    assert "found" in stage.serves()  # the archived copy of what served before us


def test_a_definition_that_is_read_only_is_refused_before_it_is_touched(
    stage: Stage,
) -> None:
    definition = stage.service.verbs.definition  # type: ignore[attr-defined] # ArmVerbs has one
    operation = stage.service.run(definition.update({"readOnly": True}))
    stage.service.run(definition.followed(operation, every=0.1, seen=lambda d: d.is_read_only))

    with pytest.raises(PromotionRefused, match="read-only") as refused:
        stage.promote()

    assert isinstance(refused.value.__cause__, NotUpdatable)
    assert stage.record().pending is None


class Unheard(ArmVerbs):
    """The verbs of a service that says of its operations what nobody understands."""

    def followed(
        self, operation: str, *, resource: str, location: str, every: float
    ) -> Conversation[None]:
        yield from ()
        msg = "operation state 'Paused' is not defined"
        raise WireError(msg)


def unheard(stage: Stage) -> Promotion:
    verbs = stage.service.verbs
    said = {field.name: getattr(verbs, field.name) for field in fields(verbs)}  # type: ignore[arg-type] # a data class
    return replace(stage.promotion, backend=replace(stage.service, verbs=Unheard(**said)))


def test_an_update_of_which_nothing_is_understood_is_done_where_the_look_proves_it(
    stage: Stage,
) -> None:
    stage.promotion = unheard(stage)

    assert stage.promote().is_proven
    assert stage.record().champion.location == stage.serves() == stage.candidate.location


def test_an_update_of_which_nothing_is_understood_is_undone_where_the_look_disproves_it(
    stage: Stage,
) -> None:
    stage.promotion = unheard(stage)
    stage.fault({"ignore_patch": True})

    with pytest.raises(PromotionFailed, match=r"'Paused' is not defined.* serves again") as failed:
        stage.promote()

    assert failed.value.undone
    assert stage.record().pending is None


def test_another_run_s_update_of_which_nothing_is_understood_is_settled_by_looking(
    stage: Stage,
) -> None:
    stage.promotion = unheard(stage)
    with stage.held() as held:
        stage.begin(held)
        held.save(held.record.under_way(held.record.pending.operation, until=""))

    with stage.held("another run") as held:
        stage.promotion.settle(held)

    assert stage.record().champion.location == stage.serves() == stage.candidate.location


@pytest.mark.parametrize("fault", [{"status": 403}, {"status": 400}])
def test_where_everything_fails_after_the_acceptance_both_facts_are_said(
    stage: Stage, fault: dict[str, Any]
) -> None:
    with stage.held() as held:
        stage.begin(held)
        stage.fault(fault, times=100_000)
        with pytest.raises(PromotionFailed, match=r"not verified|NOT verified") as failed:
            stage.finish(held)
        assert not failed.value.undone

        with pytest.raises(PromotionFailed, match="A person must look") as failed:
            stage.promotion.settle(held)

    assert not failed.value.undone
    assert stage.record().pending is not None
    stage.resources.emulator.control.clear_faults()
    assert stage.promote().is_proven
