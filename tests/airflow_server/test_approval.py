"""
A person's approval with a real scheduler, in a mapped task group, and the report's page.

Three decisions in one run: PROMOTE passes the approval by, INCONCLUSIVE waits in it, REJECT skips
it and the promotion.
"""

import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import pytest
import requests

from airflow_aml_retrain.client.backend import Backend
from airflow_aml_retrain.client.blobs import split_path
from airflow_aml_retrain.client.champion import ChampionStore
from airflow_aml_retrain.demo.live import LiveAirflow
from tests.operators.decisions import dated, judged, record
from tests.world import World, census_like

if TYPE_CHECKING:
    from airflow_aml_retrain.demo.rest import Json

DAG_ID: Final = "ask_people"
VERDICTS: Final = ("PROMOTE", "INCONCLUSIVE", "REJECT")
PROMOTED, ASKED, REJECTED = range(3)

pytestmark = pytest.mark.timeout(300)


@dataclass(frozen=True)
class Asking:
    """One run over three endpoints of production, and what each served *before* it."""

    airflow: LiveAirflow
    world: World
    container: str
    endpoints: list[Backend]
    before: list[str]
    run: str

    @property
    def tasks(self) -> dict[tuple[str, int], str | None]:
        """The state of each mapped task of the run."""
        said = self.airflow.rest.tasks(DAG_ID, self.run)
        return {
            (task["task_id"].rpartition(".")[2], task["map_index"]): task["state"] for task in said
        }

    def states(self, task: str) -> list[str | None]:
        tasks = self.tasks
        return [tasks.get((task, index)) for index in range(len(VERDICTS))]

    def serves(self, index: int) -> str:
        return judged(self.endpoints[index])["location"]

    def path(self, task: str, index: int) -> str:
        return f"dags/{DAG_ID}/dagRuns/{self.run}/taskInstances/case.{task}/{index}"

    def page(self, task: str, index: int) -> str:
        return (
            f"{self.airflow.home.url}/aml-retrain/report/{DAG_ID}/{quote(self.run)}/{task}/{index}"
        )

    def asked_page(self, url: str) -> requests.Response:
        """What the page says to a user who has signed in as people do, by a cookie."""
        rest = self.airflow.rest
        rest.call("GET", "dags", limit="1")  # signs in, if need be
        return requests.get(url, cookies={"_token": rest._token}, timeout=60)


@pytest.fixture(scope="module")
def asking(real_airflow: LiveAirflow, world: World) -> Iterator[Asking]:
    rest, container = real_airflow.rest, f"asking-{uuid.uuid4().hex[:12]}"
    with ExitStack() as stack:
        endpoints = [stack.enter_context(world.new_endpoint()) for _ in VERDICTS]
        _connect(real_airflow, world)
        real_airflow.add_dag(Path(__file__).with_name(f"{DAG_ID}.py"), DAG_ID)
        rest.unpause(DAG_ID)
        cases = _cases(world, endpoints, container)
        before = [judged(endpoint)["location"] for endpoint in endpoints]
        run = rest.trigger(DAG_ID, cases=cases, container=container)
        yield Asking(real_airflow, world, container, endpoints, before, run)


def _connect(airflow: LiveAirflow, world: World) -> None:
    settings = world.settings
    airflow.rest.add_connection(
        "ask_people_studio",
        "aml_studio",
        host=world.emulator.url,
        password=settings.token.reveal(),
        extra=f'{{"workspace_id": "{settings.workspace_id}"}}',
    )
    extra = f'{{"connection_string": "{world.connection_string}"}}'
    airflow.rest.add_connection("ask_people_wasb", "wasb", extra=extra)


def _cases(world: World, endpoints: list[Backend], container: str) -> list[dict[str, str]]:
    model = dated(world.candidate("good", census_like(300), container), "2026-09-01T00:00:00+00:00")
    rules = {"on_inconclusive": "ask"}
    return [
        {
            "endpoint": endpoint.name.rpartition("/")[2],
            "record": record(verdict, judged(endpoint), model, rules=rules).to_json().decode(),
        }
        for verdict, endpoint in zip(VERDICTS, endpoints, strict=True)
    ]


@pytest.fixture(scope="module")
def waiting(asking: Asking) -> list[str | None]:
    """How the promotions stand while a person is awaited."""

    def is_so() -> bool:
        tasks = asking.tasks
        return (
            tasks.get(("approve", ASKED)) == "awaiting_input"
            and tasks.get(("promote", PROMOTED)) == "success"
            and tasks.get(("promote", REJECTED)) == "skipped"
        )

    asking.airflow.wait("a question to be put", is_so, timeout=180)
    return asking.states("promote")


@pytest.fixture(scope="module")
def answered(asking: Asking, waiting: list[str | None]) -> "Json":
    """The run once a person has approved, over the API, as the page *Required actions* does."""
    asking.airflow.rest.call(
        "PATCH",
        f"{asking.path('approve', ASKED)}/hitlDetails",
        {"chosen_options": ["Approve"], "params_input": {"why": "tried it by hand"}},
    )
    state = asking.airflow.wait_for_run(DAG_ID, asking.run, timeout=120)
    return {"state": state}


def test_promote_passes_by_inconclusive_waits_and_reject_skips_both(
    asking: Asking, waiting: list[str | None]
) -> None:
    assert waiting == ["success", None, "skipped"]
    assert asking.states("approve") == ["success", "awaiting_input", "skipped"]
    assert asking.serves(PROMOTED) != asking.before[PROMOTED]
    assert asking.serves(ASKED) == asking.before[ASKED]


def test_the_evidence_is_put_before_the_person_with_the_report(
    asking: Asking, waiting: list[str | None]
) -> None:
    asked = asking.airflow.rest.call("GET", f"{asking.path('approve', ASKED)}/hitlDetails")

    link = asking.airflow.rest.call(
        "GET",
        f"dags/{DAG_ID}/dagRuns/{asking.run}/taskInstances/case.approve/links",
        map_index=str(ASKED),
    )["extra_links"]["Report"]
    assert "INCONCLUSIVE" in asked["subject"]
    assert "INCONCLUSIVE" in asked["body"]
    assert link in asked["body"]
    assert asking.asked_page(link).status_code == 200


def test_what_a_person_approves_is_promoted_and_becomes_the_anchor(
    asking: Asking, answered: "Json"
) -> None:
    endpoint = asking.endpoints[ASKED].uri
    known = ChampionStore(asking.world.store, f"{asking.container}/records").read(endpoint)

    assert answered["state"] == "success"
    assert asking.states("promote") == ["success", "success", "skipped"]
    assert asking.serves(ASKED) != asking.before[ASKED]
    assert known.champion is not None
    assert known.anchor == known.champion
    assert known.champion.approved_by == "admin"


def test_the_report_is_a_page_that_may_run_nothing_and_is_kept_nowhere(
    asking: Asking, answered: "Json"
) -> None:
    for task in ("decide", "approve", "promote"):
        page = asking.asked_page(asking.page(f"case.{task}", ASKED))

        assert page.status_code == 200, page.text
        assert page.headers["Content-Type"].startswith("text/html")
        assert page.headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert page.headers["Cache-Control"] == "no-store"
        assert ("tried it by hand" in page.text) is (task != "decide")


@pytest.mark.parametrize("token", [None, "not-a-token"])
def test_whom_airflow_does_not_know_gets_nothing(
    asking: Asking, answered: "Json", token: str | None
) -> None:
    cookies = {"_token": token} if token else {}

    page = requests.get(asking.page("case.decide", ASKED), cookies=cookies, timeout=60)

    assert page.status_code in {401, 403}
    assert "INCONCLUSIVE" not in page.text


@pytest.mark.parametrize(
    ("left", "status", "why"),
    [
        ("{own}", 404, "is not there any more"),
        ("{other}", 404, "is no report of this run"),
        ("{own}", 502, "no connection"),
        ("nothing", 404, "has left no report"),
    ],
    ids=["gone", "another run's", "no connection", "something else"],
)
def test_what_is_no_report_of_the_run_is_not_shown(
    asking: Asking, answered: "Json", left: str, status: int, why: str
) -> None:
    places = {"own": _own(asking), "other": _other(asking)}
    conn_id = "nowhere" if status == 502 else "ask_people_wasb"
    said: Any = {"report": left.format(**places), "wasb_conn_id": conn_id}
    entry = f"dags/{DAG_ID}/dagRuns/{asking.run}/taskInstances/cases/xcomEntries"
    value = {"key": "aml_retrain_report", "value": "nothing" if left == "nothing" else said}
    asking.airflow.rest.call("POST", entry, value)
    try:
        page = asking.asked_page(asking.page("cases", -1))
    finally:
        asking.airflow.rest.call("DELETE", f"{entry}/aml_retrain_report")

    assert page.status_code == status
    assert why in page.text


def _own(asking: Asking) -> str:
    """Where a report of this run would lie that nobody wrote."""
    place: str = asking.airflow.rest.call(
        "GET",
        f"{asking.path('decide', ASKED).rpartition('/')[0]}/xcomEntries/return_value",
        map_index=str(ASKED),
        deserialize="true",
    )["value"]
    return f"{place.rpartition('/')[0]}/unwritten.html"


def _other(asking: Asking) -> str:
    """A page that lies among the decisions of another run."""
    place = f"{asking.container}/records/decisions/{DAG_ID}/another-run-00000000/decide.html"
    asking.world.store.write(*split_path(place), b"<html>another</html>")
    return place
