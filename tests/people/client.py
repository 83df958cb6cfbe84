"""A person with a Matrix client that others wrote: does what each line of the input says, and prints
what came of it, one JSON value a line.

Called with the homeserver's address, a user id and its password. A line is a list: a method of
matrix-nio's client, then its arguments; or `sync`, which tells what is new since the last one and what
the client knows of its rooms by then.
"""

import asyncio
import json
import sys

from nio import AsyncClient, ErrorResponse, LoginResponse, SyncResponse


def told(room: str, event) -> dict:
    return {"room": room, "class": type(event).__name__, **event.source}


def known(room) -> dict:
    return {
        "name": room.name,
        "members": sorted(room.users),
        "invited": sorted(room.invited_users),
    }


async def sync(client: AsyncClient) -> dict:
    answer = await client.sync(
        timeout=0,
        since=client.next_batch,
        sync_filter={"room": {"timeline": {"limit": 200}}},
    )
    assert isinstance(answer, SyncResponse), answer
    rooms = answer.rooms.join.items()
    return {
        "events": [told(id, event) for id, room in rooms for event in room.timeline.events],
        "invites": sorted(answer.rooms.invite),
        "left": sorted(answer.rooms.leave),
        "rooms": {id: known(room) for id, room in client.rooms.items()},
    }


async def do(client: AsyncClient, method: str, arguments: list) -> dict:
    if method == "sync":
        return await sync(client)
    answer = await getattr(client, method)(*arguments)
    assert not isinstance(answer, ErrorResponse), f"{method} {arguments}: {answer}"
    return {
        name: getattr(answer, name)
        for name in ("event_id", "room_id")
        if isinstance(getattr(answer, name, None), str)
    }


async def main(homeserver: str, user: str, password: str) -> None:
    client = AsyncClient(homeserver, user)
    try:
        login = await client.login(password)
        assert isinstance(login, LoginResponse), login
        loop = asyncio.get_running_loop()
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            method, *arguments = json.loads(line)
            print(json.dumps(await do(client, method, arguments)), flush=True)
    finally:
        await client.close()


asyncio.run(main(*sys.argv[1:]))
