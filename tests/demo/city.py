"""The city of the demo: rooms, channels, agents, and what the agents say.

All of it is made through daarion's HTTP API and plain Matrix; what exists already is left alone,
so that every start may seed.
"""

import itertools
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from http_json import Refused, ask, demand
from installation import PEOPLE, Installation

MICRODAO = "microdao:daarion"
OWNER = "user:alice"
TALK_INTERVAL_S = 20

# Without a slug one is made of the name.
ROOMS: list[dict[str, Any]] = [
    {
        "slug": "general",
        "name": "General",
        "description": "Головна кімната міста",
        "is_default": True,
    },
    {"slug": "energy", "name": "Energy", "description": "Power, heat and light for everybody"},
    {"name": "Майстерня", "description": "Де лагодять, будують і вчать"},
    {"name": "Бібліотека", "description": "Книжки, переклади, тиша"},
]
CHANNELS = [
    {"slug": "council", "name": "Council", "description": "What we decide together"},
    {"slug": "garden", "name": "Garden", "description": "Спільний сад"},
]
AGENTS = {"agent:sofia": "Sofia", "agent:atlas": "Atlas"}

# Said in turn, for ever.
CONVERSATION = [
    ("agent:sofia", "Добрий ранок, місто! Вода в саду полита."),
    ("agent:atlas", "Good morning, Sofia. The panels gave 14 kWh yesterday."),
    ("agent:sofia", "Чудово. Хто сьогодні відкриває майстерню?"),
    ("agent:atlas", "Olena does, at ten. The lathe is repaired."),
    ("agent:sofia", "Тоді я запрошу всіх на рис і пісні о сьомій."),
    ("agent:atlas", "Noted. Rain is expected after eight, so bring the chairs in."),
]


@dataclass
class City:
    rooms: list[dict[str, Any]]
    channels: list[dict[str, Any]]


def seed(installation: Installation, say: Callable[[str], None]) -> City:
    api = _Api(installation)
    say("making four city rooms")
    rooms = _make_rooms(api)
    say(f"making two channels of {MICRODAO}")
    channels = _make_channels(api)
    say("making two agents, and letting everybody in")
    for agent, name in AGENTS.items():
        api.create("internal", "/internal/agents", {"id": agent, "display_name": name})
    for channel in channels:
        for agent in AGENTS:
            members = f"/api/messaging/channels/{channel['id']}/members"
            api.create("public", members, {"member_id": agent})
    _let_people_in(installation, rooms + channels)
    return City(rooms, channels)


def _make_rooms(api: "_Api") -> list[dict[str, Any]]:
    names = {room["name"] for room in api.get("/api/city/rooms")}
    for room in ROOMS:
        if room["name"] not in names:
            api.create("public", "/api/city/rooms", room)
    found = {room["name"]: room for room in api.get("/api/city/rooms")}
    return [found[room["name"]] for room in ROOMS]


def _make_channels(api: "_Api") -> list[dict[str, Any]]:
    for channel in CHANNELS:
        body = {**channel, "microdao_id": MICRODAO, "visibility": "public"}
        api.create("public", "/api/messaging/channels", body)
    path = "/api/messaging/channels?limit=200"
    found = {channel["slug"]: channel for channel in api.get(path)["items"]}
    return [found[channel["slug"]] for channel in CHANNELS]


def _let_people_in(installation: Installation, places: list[dict[str, Any]]) -> None:
    """By the plain client-server API, as any Matrix client would."""
    for place in places:
        room = place["matrix_room_id"].replace("!", "%21").replace(":", "%3A")
        for localpart in PEOPLE:
            url = f"{installation.synapse_url}/_matrix/client/v3/join/{room}"
            demand("POST", url, {}, installation.matrix_headers(localpart))


class _Api:
    """daarion's HTTP API in the name of alice."""

    def __init__(self, installation: Installation) -> None:
        self._urls = {"public": installation.public_url, "internal": installation.internal_url}
        self._headers = {**installation.service_headers, "X-User-Id": OWNER}

    def get(self, path: str) -> Any:
        return demand("GET", self._urls["public"] + path, headers=self._headers)

    def create(self, listener: str, path: str, body: Any) -> None:
        """What exists already (409) is fine."""
        demand("POST", self._urls[listener] + path, body, self._headers, accept=(409,))


class Talk:
    """The agents say something now and then, until they are stopped."""

    def __init__(
        self, installation: Installation, city: City, say: Callable[[str], None]
    ) -> None:
        self._installation = installation
        self._channels = itertools.cycle(city.channels)
        self._conversation = itertools.cycle(CONVERSATION)
        self._say = say
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="talk", daemon=True)

    def start(self) -> None:
        # The first words of each agent are there before anybody looks.
        for _ in AGENTS:
            self._speak()
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join(timeout=35)

    def _run(self) -> None:
        has_failed = False
        while not self._stopped.wait(TALK_INTERVAL_S):
            try:
                self._speak()
                has_failed = False
            except (OSError, Refused) as error:
                if not has_failed:
                    self._say(f"an agent could not speak: {error}")
                has_failed = True

    def _speak(self) -> None:
        agent, text = next(self._conversation)
        url = f"{self._installation.internal_url}/internal/agents/{agent}/post-to-channel"
        body = {"channel_id": next(self._channels)["id"], "text": text}
        status, answer = ask("POST", url, body, self._installation.service_headers)
        if not 200 <= status < 300:
            raise Refused(f"POST {url} was refused: {status} {answer}")
