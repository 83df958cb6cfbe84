"""The curl lines that the demo prints, each with what its output must show.

`make demo CHECK=1` runs them exactly as they are printed.
"""

import json
import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from city import City
from installation import PEOPLE, Installation

# How long a line that only reads may be asked again until it shows what was just sent.
PATIENCE_S = 5
LINE_LIMIT_S = 30


@dataclass
class Line:
    title: str
    command: str
    is_right: Callable[[Any], bool]
    """Whether the parsed output is what the line promises."""


def curl_lines(installation: Installation, city: City) -> list[Line]:
    api = installation.public_url
    council = city.channels[0]
    messages = f"{api}/api/messaging/channels/{council['id']}/messages"
    room = council["matrix_room_id"].replace("!", "%21").replace(":", "%3A")
    as_alice = "-H 'X-User-Id: user:alice'"
    is_json = "-H 'Content-Type: application/json'"
    secret = installation.secrets["internal_secret"]
    return [
        Line(
            "Is all well?",
            f"curl -s {api}/healthz",
            lambda answer: answer["status"] == "ok" and answer["synapse"] == "connected",
        ),
        Line(
            "The rooms of the city",
            f"curl -s {as_alice} {api}/api/city/rooms",
            lambda answer: {room["slug"] for room in city.rooms}
            <= {room["slug"] for room in answer},
        ),
        Line(
            "The channels",
            f"curl -s {as_alice} '{api}/api/messaging/channels?limit=50'",
            lambda answer: {channel["id"] for channel in city.channels}
            <= {channel["id"] for channel in answer["items"]},
        ),
        Line(
            "Alice writes through daarion; it arrives in every Matrix client",
            f"curl -s -X POST {as_alice} {is_json} -d '{{\"text\":\"Hello, Council\"}}' {messages}",
            lambda answer: answer["sender_id"] == "user:alice"
            and answer["content_preview"] == "Hello, Council",
        ),
        Line(
            "Bob writes through plain Matrix, without daarion",
            f"curl -s -X PUT -H 'Authorization: Bearer {installation.access_token('bob')}' "
            '-d \'{"msgtype":"m.text","body":"Привіт із Matrix"}\' '
            f'"{installation.synapse_url}/_matrix/client/v3/rooms/{room}'
            '/send/m.room.message/$(date +%s%N)"',
            lambda answer: answer["event_id"].startswith("$"),
        ),
        Line(
            "An agent writes",
            f"curl -s -X POST -H 'X-Internal-Service-Token: {secret}' {is_json} "
            f'-d \'{{"channel_id":"{council["id"]}","text":"Sofia is listening"}}\' '
            f"{installation.internal_url}/internal/agents/agent:sofia/post-to-channel",
            lambda answer: isinstance(answer, dict) and "error" not in answer,
        ),
        Line(
            "The newest messages: all three are here",
            f"curl -s {as_alice} '{messages}?limit=5'",
            lambda answer: {
                ("user:alice", "Hello, Council"),
                ("user:bob", "Привіт із Matrix"),
                ("agent:sofia", "Sofia is listening"),
            }
            <= {(item["sender_id"], item["content_preview"]) for item in answer["items"]},
        ),
        Line(
            "Who is in the channel",
            f"curl -s {as_alice} {api}/api/messaging/channels/{council['id']}/members",
            lambda answer: {f"user:{name}" for name in PEOPLE} | {"agent:sofia", "agent:atlas"}
            <= {_member_id(member) for member in answer["items"]},
        ),
    ]


def _member_id(member: dict[str, Any]) -> str:
    return member.get("member_id") or member.get("entity_id") or member["id"]


def run(line: Line) -> str:
    """Runs the line through bash. Answers what is wrong, or nothing."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        problem = _try(line)
        only_reads = "-X P" not in line.command
        if not problem or not only_reads or time.monotonic() > deadline:
            return problem
        time.sleep(0.1)


def _try(line: Line) -> str:
    try:
        result = subprocess.run(
            ["bash", "-c", line.command],
            env={**os.environ, "NO_PROXY": "*", "no_proxy": "*"},
            capture_output=True,
            text=True,
            timeout=LINE_LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"no end within {LINE_LIMIT_S} s"
    if result.returncode != 0:
        return f"exit code {result.returncode}: {result.stderr.strip()}"
    try:
        answer = json.loads(result.stdout)
        is_right = line.is_right(answer)
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        return f"unexpected output ({error!r}): {result.stdout[:500]}"
    return "" if is_right else f"unexpected output: {result.stdout[:500]}"
