"""What is promised of finding a web service: ids without case, and lists to their last page."""

import pytest

from airflow_aml_retrain.errors import BadInput, NoSuchName, WireError
from airflow_aml_retrain.wire.conversation import Response
from airflow_aml_retrain.wire.subscription import Subscription, WebServiceId
from tests.wire.new_service import HOST, ID, SUBSCRIPTION, URL
from tests.wire.rehearsal import answered, rehearse

OURS = Subscription(SUBSCRIPTION)
CENSUS = WebServiceId("s1", "g1", "census")
LIST = "/providers/Microsoft.MachineLearning/webServices?api-version=2017-01-01"


def listed(*titles: str, next_link: str | None = None) -> Response:
    """A page of "group/name"s."""
    value = [
        {
            "id": ID.replace("/g1/", f"/{title.split('/')[0]}/").replace(
                "census", title.split("/")[1]
            ),
            "location": "South Central US",
            "properties": {"provisioningState": "Succeeded", "storageAccount": {}},
        }
        for title in titles
    ]
    return answered({"value": value} | ({"nextLink": next_link} if next_link else {}))


@pytest.mark.parametrize(
    "written",
    [
        ID,
        URL,
        f"{URL}?api-version=2016-05-01-preview",
        f" {URL}/. ",
        URL.replace("resourceGroups", "resourcegroups").replace("Microsoft", "microsoft"),
    ],
)
def test_an_id_is_read_from_whatever_a_user_copied(written: str) -> None:
    assert WebServiceId.parse(written) == CENSUS


def test_ids_are_compared_without_case_and_sent_as_they_came() -> None:
    other = WebServiceId.parse(ID.replace("census", "Census"))

    assert other.key == CENSUS.key
    assert other.path.endswith("/webServices/Census")
    assert CENSUS.path == ID


def test_names_with_blanks_and_dots_survive() -> None:
    odd = WebServiceId("s1", "my group", "a.f-id.b")

    assert odd.path.split("/")[4] == "my%20group"
    assert WebServiceId.parse(odd.path) == odd


@pytest.mark.parametrize("written", ["", "census", f"{HOST}/workspaces/w", f"{URL}/extra/part"])
def test_anything_else_is_no_id(written: str) -> None:
    with pytest.raises(BadInput, match="expected /subscriptions/ID/resourceGroups/NAME"):
        WebServiceId.parse(written)


@pytest.mark.parametrize("name", ["g1/census", ID, f"{URL}?api-version=2017-01-01"])
def test_a_full_name_is_taken_at_its_word(name: str) -> None:
    steps: list[str] = []

    assert rehearse(OURS.find(name), [], steps) == CENSUS
    assert steps == []


@pytest.mark.parametrize("name", ["g1/", "/census", "a/b/c", f"{HOST}/workspaces/w"])
def test_half_a_name_is_refused(name: str) -> None:
    with pytest.raises(BadInput, match="expected /subscriptions/ID"):
        rehearse(OURS.find(name), [])


def test_a_service_of_another_subscription_is_refused() -> None:
    with pytest.raises(BadInput, match="g1/census is in subscription s2, the connection in s1"):
        rehearse(OURS.find(ID.replace("/s1/", "/s2/")), [])


def test_a_bare_name_is_looked_up_without_case() -> None:
    steps: list[str] = []

    assert rehearse(OURS.find("CENSUS"), [listed("g1/census", "g1/b")], steps) == CENSUS
    assert steps == [f"GET {SUBSCRIPTION}{LIST}"]


def test_an_unknown_name_is_answered_with_those_that_exist() -> None:
    with pytest.raises(NoSuchName, match=r"web service named 'x'; .*: 'g1/a', 'g2/b'"):
        rehearse(OURS.find("x"), [listed("g1/a", "g2/b")])


def test_of_a_thousand_names_only_the_likely_ones_are_told() -> None:
    many = listed(*(f"g1/s{number}" for number in range(1000)), "g1/censes")

    with pytest.raises(NoSuchName) as caught:
        rehearse(OURS.find("census"), [many])

    assert "g1/censes" in caught.value.existing
    assert caught.value.existing[-1].endswith(" more")
    assert len(caught.value.existing) < 12


def test_of_two_services_with_one_name_none_is_guessed() -> None:
    with pytest.raises(BadInput, match="2 web services are named 'a'; name one of g1/a, g2/A"):
        rehearse(OURS.find("a"), [listed("g1/a", "g2/A")])


def test_a_group_is_listed_page_by_page_with_the_links_unchanged() -> None:
    link = f"{SUBSCRIPTION}{LIST}&%24skiptoken=DY1%2b"
    steps: list[str] = []

    found = rehearse(OURS.services("g 1"), [listed("g1/a", next_link=link), listed("g1/b")], steps)

    assert [each.id.title for each in found] == ["g1/a", "g1/b"]
    assert steps == [f"GET {SUBSCRIPTION}/resourceGroups/g%201{LIST}", f"GET {link}"]


@pytest.mark.parametrize("link", [f"https://evil.test{LIST}", f"{SUBSCRIPTION}{LIST}"])
def test_a_next_page_elsewhere_or_the_same_again_is_not_asked(link: str) -> None:
    steps: list[str] = []

    with pytest.raises(WireError, match="expected a next page of its own"):
        rehearse(OURS.services(), [listed("g1/a", next_link=link)], steps)

    assert len(steps) == 1


@pytest.mark.parametrize("said", [[], {}, {"value": [{"id": "census"}]}])
def test_anything_else_is_no_list(said: object) -> None:
    with pytest.raises(WireError, match="expected a"):
        rehearse(OURS.services(), [answered(said)])
