"""A subscription like those of `tests/recorded/arm`: an exchange finds in it what it needs."""

import json
from pathlib import Path
from typing import Final

import requests

from tests.emulator.resources import OPERATION, Azure
from tests.emulator.studio import Json

FOLDER: Final = Path(__file__).parent.parent / "recorded" / "arm"
RECORDED: Final = {
    path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))
}
"""Every recorded exchange, by the name of its file."""

PAGE: Final = 3
"""So many web services does a list of the recordings show here."""

Names = dict[str, str]
"""What stands for what: a text of the recordings, and the same thing here."""

_LIST: Final = "41_list_subscription_page1_200"
_HOSTS: Final = (
    "https://management.azure.com",
    "https://ussouthcentral.services.azureml.net",
    "https://uswestcentral.services.azureml.net",
)


class Stage:
    """Each method makes ready for some exchanges, and says what is called what in them."""

    def __init__(self, azure: Azure) -> None:
        self.azure = azure
        self._hosts = dict.fromkeys(_HOSTS, azure.studio.url)

    def nothing(self) -> Names:
        """No web service in the subscription of most recordings."""
        while items := self.replay(_LIST).json()["value"]:
            for item in items:
                self.azure.ask("DELETE", item["id"]).raise_for_status()
            self._later()
        return self._hosts

    def planned(self) -> Names:
        names = self.nothing()
        self.replay("01_commitmentplan_put_200")
        return names

    def queued(self) -> Names:
        return self.planned() | self._begun("02_webservice_put_201")

    def running(self) -> Names:
        names = self.queued()
        self.azure.studio.clock.ahead += 0.8 * OPERATION
        return names

    def created(self) -> Names:
        names = self.queued()
        self._later()
        return names

    def patched(self) -> Names:
        names = self.created() | self._begun("08_webservice_patch_full_200")
        self._later()
        return names

    def patched_again(self) -> Names:
        names = self.patched() | self._begun("10_webservice_patch_partial_200")
        self._later()
        return names

    def deleted(self) -> Names:
        names = self.created() | self._begun("14_webservice_delete_202")
        self._later()
        return names

    def with_generated_keys(self) -> Names:
        path = RECORDED["21_listkeys_generated_200"]["request"]["uri"].partition("/listKeys")[0]
        self._put(path, {"location": "South Central US"})
        return self._hosts

    def listed(self) -> Names:
        self.nothing()
        return self._as_listed(_LIST, more=1)

    def listed_in_the_preview(self) -> Names:
        return self._as_listed("40_list_resource_group_200_preview")

    # How it is made.

    def replay(self, name: str) -> requests.Response:
        """The recorded request, asked of the emulator."""
        asked = RECORDED[name]["request"]
        return self.azure.ask(asked["method"], asked["uri"], asked["body"], version="")

    def _begun(self, name: str) -> Names:
        """Replay, and say what its operation is called here."""
        answer = self.replay(name)
        assert answer.ok, answer.text
        written = RECORDED[name]["response"]["headers"]["Azure-AsyncOperation"][0]
        return {_number(written): _number(answer.headers["Azure-AsyncOperation"])}

    def _later(self) -> None:
        self.azure.studio.clock.ahead += OPERATION

    def _as_listed(self, name: str, more: int = 0) -> Names:
        """Web services of which a list says what *name* says."""
        items = RECORDED[name]["response"]["body"]["value"]
        for item in items:
            if item["properties"]["provisioningState"] == "Failed":
                self.azure.studio.fault({"fail_operation": "no"}, plane="resources")
            self._put(item["id"], item)
        for number in range(more):
            self._put(f"{items[-1]['id']}-{number}", items[-1])
        self._later()
        return self._hosts

    def _put(self, path: str, item: Json) -> None:
        plan = path.replace("/webServices/", "/commitmentPlans/")
        sku = {"location": item["location"], "sku": {"name": "S1"}}
        self.azure.ask("PUT", plan, sku, version="2016-05-01-preview").raise_for_status()
        wanted = {"packageType": "Graph", **item.get("properties", {})}
        wanted["commitmentPlan"] = {"id": plan}
        body = {"location": item["location"], "properties": wanted}
        self.azure.ask("PUT", path, body).raise_for_status()


def _number(url: str) -> str:
    return url.partition("?")[0].rpartition("/")[2]
