"""What a client that others wrote sees of a room: prints one JSON object.

Called with the homeserver's address, a user id, its password and a room id. Each event of the room's
timeline comes as the class that matrix-nio makes of it, with what that class says; media is
downloaded, and its digest told.
"""

import asyncio
import hashlib
import json
import sys

from nio import AsyncClient, DownloadResponse, LoginResponse, SyncResponse


FIELDS = (
    "event_id",
    "sender",
    "body",
    "formatted_body",
    "format",
    "url",
    "reacts_to",
    "key",
    "redacts",
    "reason",
    "redacter",
    "membership",
    "state_key",
    "name",
    "topic",
)


def told(event) -> dict:
    seen = {"class": type(event).__name__}
    for field in FIELDS:
        value = getattr(event, field, None)
        if value is not None:
            seen[field] = value
    seen["relation"] = event.source.get("content", {}).get("m.relates_to")
    return seen


async def digest(client: AsyncClient, url: str) -> str:
    answer = await client.download(url)
    if not isinstance(answer, DownloadResponse):
        return f"not downloaded: {answer}"
    return hashlib.sha256(answer.body).hexdigest()


async def look(homeserver: str, user: str, password: str, room: str) -> dict:
    client = AsyncClient(homeserver, user)
    try:
        login = await client.login(password)
        assert isinstance(login, LoginResponse), login
        sync = await client.sync(
            timeout=0,
            full_state=True,
            sync_filter={"room": {"timeline": {"limit": 200}}},
        )
        assert isinstance(sync, SyncResponse), sync
        events = [told(event) for event in sync.rooms.join[room].timeline.events]
        for event in events:
            if event["class"].startswith("RoomMessage") and "url" in event:
                event["digest"] = await digest(client, event["url"])
        seen = client.rooms[room]
        return {
            "events": events,
            "name": seen.name,
            "topic": seen.topic,
            "alias": seen.canonical_alias,
            "users": {id: user.display_name for id, user in seen.users.items()},
            "avatars": {id: user.avatar_url for id, user in seen.users.items()},
        }
    finally:
        await client.close()


print(json.dumps(asyncio.run(look(*sys.argv[1:]))))
