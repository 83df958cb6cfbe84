"""Two people with matrix-nio speak in an encrypted room, taking turns, and each reads the other.

confidential.py HOMESERVER ROOM PEOPLE WORDS: PEOPLE is a JSON list of [user id, password], WORDS one
of texts. Prints a JSON object: by each event's id what the other one has deciphered.
"""

import asyncio
import json
import os
import sys
import tempfile

from nio import (
    AsyncClient,
    AsyncClientConfig,
    LoginResponse,
    RoomMessageText,
    RoomSendResponse,
)

LIMIT = 30  # seconds


async def sign_in(homeserver, user, password, place):
    os.mkdir(place)
    config = AsyncClientConfig(store_sync_tokens=True, encryption_enabled=True)
    client = AsyncClient(homeserver, user, store_path=place, config=config)
    answer = await client.login(password)
    assert isinstance(answer, LoginResponse), answer
    return client


async def catch_up(client, timeout=0):
    await client.sync(timeout=timeout, full_state=client.next_batch is None)
    if client.should_upload_keys:
        await client.keys_upload()
    if client.should_query_keys:
        await client.keys_query()
    if client.should_claim_keys:
        await client.keys_claim(client.get_users_for_key_claiming())
    await client.send_to_device_messages()


async def main():
    homeserver, room = sys.argv[1:3]
    people, words = json.loads(sys.argv[3]), json.loads(sys.argv[4])
    heard = {}

    async def hear(_room, event):
        if event.decrypted:
            heard[event.event_id] = event.body

    with tempfile.TemporaryDirectory() as place:
        clients = []
        try:
            for number, (user, password) in enumerate(people):
                where = f"{place}/{number}"
                clients.append(await sign_in(homeserver, user, password, where))
            # The keys of one are there before the other asks for them.
            for client in clients * 2:
                client.add_event_callback(hear, RoomMessageText)
                await catch_up(client)
            for client in clients:
                assert client.rooms[room].encrypted, f"{room} is not encrypted"
            for number, word in enumerate(words):
                speaker, listener = clients[number % 2], clients[1 - number % 2]
                content = {"msgtype": "m.text", "body": word}
                said = await speaker.room_send(
                    room, "m.room.message", content, ignore_unverified_devices=True
                )
                assert isinstance(said, RoomSendResponse), said
                async with asyncio.timeout(LIMIT):
                    while said.event_id not in heard:
                        await catch_up(listener, timeout=1000)
        finally:
            for client in clients:
                await client.close()
    print(json.dumps(heard))


asyncio.run(main())
