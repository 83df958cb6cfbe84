"""The messaging document's own test: its script as it is printed (printed.py), with another port, and
then its steps with Element, done with the plain client-server API."""

import json
import os
import time
from pathlib import Path

import httpx

told = json.loads(os.environ["STORY"])
printed = Path(__file__).with_name("printed.py").read_text()
assert printed.count("http://localhost:7004") == 2
ran: dict = {}
exec(printed.replace("http://localhost:7004", told["public"]), ran)
channel, message = ran["channel"], ran["message"]
assert channel["created_by"] == "user:admin", channel
assert channel["matrix_room_alias"] == f"#test-daarion:{told['server']}", channel
assert message["sender_id"] == "user:alice", message
assert message["content_preview"] == "Hello from Alice!", message

# 1. Login with a Matrix user.
matrix = httpx.Client(base_url=f"{told['synapse']}/_matrix/client/v3/")
identifier = {"type": "m.id.user", "user": "bob"}
login = {
    "type": "m.login.password",
    "identifier": identifier,
    "password": told["password_of_bob"],
}
login = matrix.post("login", json=login).raise_for_status().json()
matrix.headers["authorization"] = f"Bearer {login['access_token']}"
# 2. Join the room by alias.
joined = matrix.post(f"join/%23test-daarion:{told['server']}", json={}).raise_for_status().json()
room = joined["room_id"]
assert room == channel["matrix_room_id"], joined
seen = matrix.get(f"rooms/{room}/messages", params={"dir": "b"}).raise_for_status().json()
bodies = [event["content"].get("body") for event in seen["chunk"]]
assert "Hello from Alice!" in bodies, bodies
# 3. Send a message.
text = {"msgtype": "m.text", "body": "Hello from Element!"}
sent = matrix.put(f"rooms/{room}/send/m.room.message/1", json=text).raise_for_status().json()
# 4. Check that it appears.
path = f"{told['public']}/api/messaging/channels/{channel['id']}/messages"
until = time.monotonic() + 20
while True:
    page = httpx.get(path, headers={"X-User-Id": "user:alice"}).raise_for_status().json()
    found = [one for one in page["items"] if one["matrix_event_id"] == sent["event_id"]]
    if found:
        break
    assert time.monotonic() < until, page
    time.sleep(0.1)
assert found[0]["content_preview"] == "Hello from Element!", found
assert found[0]["sender_id"] == "user:bob", found
print("the document's script and its steps with Element work as printed")
