"""
What `docker compose` is given: valid by the published schema, whole, and without a secret.

`compose-spec.json` is the schema of github.com/compose-spec/compose-spec (Apache-2.0). What the
file says is run by `test_cluster`.
"""

import json
from pathlib import Path
from typing import Any, Final

import jsonschema  # type: ignore[import-untyped]  # it has no types
import pytest

from airflow_aml_retrain.demo import azurite
from tests.cluster import composition
from tests.cluster.composition import NotComposed, Service, example, services

SECRETS: Final = {name: f"secret-{name.lower()}" for name in composition.variables()}
SERVICES: Final = services(SECRETS)
TO_END: Final = {"init", "furnish"}
LOCK: Final = Path(azurite.__file__).parent / "npm" / "package-lock.json"


def places(service: Service, kind: str) -> list[str]:
    """What *service* mounts: of the *kind* volume or bind."""
    sources = [str(each).split(":")[0] for each in service.said.get("volumes", [])]
    return [source for source in sources if source.startswith(".") == (kind == "bind")]


def test_the_file_is_what_the_compose_specification_allows() -> None:
    schema = json.loads((Path(__file__).parent / "compose-spec.json").read_text())

    jsonschema.Draft7Validator(schema).validate(composition.document())


def test_every_service_that_is_waited_for_can_come_to_what_is_waited_for() -> None:
    for service in SERVICES.values():
        for name, condition in service.waits_for.items():
            ends = condition == "service_completed_successfully"
            assert ends is (name in TO_END)
            assert ends or SERVICES[name].check


def test_no_service_waits_for_itself_by_way_of_others() -> None:
    left = {name: set(service.waits_for) for name, service in SERVICES.items()}

    while left:
        ready = {name for name, others in left.items() if not others & set(left)}
        assert ready, f"these wait for one another: {sorted(left)}"
        left = {name: others for name, others in left.items() if name not in ready}


@pytest.mark.parametrize("service", SERVICES.values(), ids=lambda service: service.name)
def test_every_service_that_goes_on_says_how_it_is_and_comes_back(service: Service) -> None:
    assert bool(service.check) is (service.name not in TO_END)
    assert service.said["restart"] == ("on-failure" if service.name in TO_END else "unless-stopped")


def test_every_named_volume_is_used_and_every_used_one_is_named() -> None:
    used = {name for service in SERVICES.values() for name in places(service, "volume")}

    assert used == set(composition.document()["volumes"])


def test_every_folder_that_is_mounted_or_built_is_there() -> None:
    mounted = {name for service in SERVICES.values() for name in places(service, "bind")}
    built: list[dict[str, Any]] = [s.said["build"] for s in SERVICES.values() if "build" in s.said]

    assert mounted
    assert all((composition.ROOT / name).exists() for name in mounted)
    assert all((composition.ROOT / each["dockerfile"]).is_file() for each in built)


def test_our_image_is_built_by_one_service_and_the_others_are_pulled_by_version() -> None:
    builders = [service for service in SERVICES.values() if "build" in service.said]
    foreign = [str(each.said["image"]) for each in SERVICES.values() if not each.is_ours]

    # Several that build one tag at once fail on a machine that has none of it yet.
    assert [each.is_ours for each in builders] == [True]
    assert all(image.rpartition(":")[2][:1].isdecimal() for image in foreign)


def test_nobody_asks_a_registry_for_our_image() -> None:
    asking = {n for n, s in SERVICES.items() if s.said.get("pull_policy", "missing") != "never"}

    assert asking == {name for name, service in SERVICES.items() if not service.is_ours}


def test_whoever_is_waited_for_has_time_to_start_on_a_busy_machine() -> None:
    awaited = {name for service in SERVICES.values() for name in service.waits_for} - TO_END

    periods = {name: SERVICES[name].said["healthcheck"].get("start_period") for name in awaited}
    assert periods == dict.fromkeys(awaited, "300s")


def test_no_health_check_asks_a_name_that_may_be_another_address() -> None:
    checks = {name: " ".join(service.check) for name, service in SERVICES.items()}

    assert [name for name, check in checks.items() if "localhost" in check] == []


def test_the_example_names_every_variable_that_must_be_set_and_gives_none_a_value() -> None:
    assert set(example()) == composition.variables()
    assert not any(example().values())


@pytest.mark.parametrize("name", sorted(SECRETS))
def test_a_secret_that_is_not_set_ends_everything_with_what_to_do(name: str) -> None:
    with pytest.raises(NotComposed, match=f"{name}: set it in .env, as .env.example says"):
        services({**SECRETS, name: ""})


def test_the_file_holds_no_secret_but_the_published_key_of_azurite() -> None:
    text = composition.FILE.read_text().replace(azurite.KEY, "")
    named = [line for line in text.splitlines() if any(w in line for w in ("KEY", "PASSWORD"))]
    settings = [line for line in named if line.lstrip().startswith(("AIRFLOW", "POSTGRES"))]

    assert settings
    assert [line for line in settings if "${" not in line and "PASSWORDS_FILE" not in line] == []


def test_only_who_needs_the_password_of_a_person_is_told_it() -> None:
    told = {n for n, s in SERVICES.items() if "AIRFLOW_ADMIN_PASSWORD" in s.environment}

    shown = {n for n, s in SERVICES.items() if "auth" in places(s, "volume")}
    assert told == TO_END
    assert shown == {"init", "api-server"}


def test_all_of_airflow_has_the_same_settings() -> None:
    airflow = [service for service in SERVICES.values() if service.is_airflow]
    settings = [
        {name: value for name, value in each.environment.items() if name.startswith("AIRFLOW__")}
        for each in airflow
    ]

    assert {each.name for each in airflow} == {
        *("api-server", "dag-processor", "init", "scheduler", "triggerer", "worker")
    }
    assert all(each == settings[0] for each in settings)


def test_triggerers_and_workers_are_two() -> None:
    assert {n: s.replicas for n, s in SERVICES.items() if s.replicas > 1} == {
        "triggerer": 2,
        "worker": 2,
    }


def test_what_can_be_reached_from_outside_is_reached_from_this_machine_only() -> None:
    ports = [port for service in SERVICES.values() for port in service.said.get("ports", [])]

    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_azurite_is_the_one_that_the_demo_and_the_tests_install() -> None:
    locked = json.loads(LOCK.read_text())["packages"]["node_modules/azurite"]["version"]

    assert SERVICES["azurite"].said["image"].endswith(f"/azurite:{locked}")
