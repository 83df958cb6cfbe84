"""The messaging document's story, told by the clients that openapi-python-client has made."""

import json
import os

from daarion_internal import Client as InternalClient
from daarion_internal.api.agents import post_to_channel
from daarion_internal.models import AgentPost
from daarion_public import AuthenticatedClient, Client
from daarion_public.api.auth import login
from daarion_public.api.messaging import (
    add_reaction,
    create_channel,
    delete_message,
    edit_message,
    invite_member,
    list_channels,
    list_members,
    list_messages,
    send_message,
)
from daarion_public.models import (
    EditedMessage,
    Invitation,
    Login,
    NewChannel,
    NewMessage,
    Visibility,
)

told = json.loads(os.environ["STORY"])
anybody = Client(base_url=told["public"], raise_on_unexpected_status=True)
grant = login.sync(client=anybody, body=Login(user="alice", password=told["password"]))
alice = AuthenticatedClient(
    base_url=told["public"], token=grant.access_token, raise_on_unexpected_status=True
)
service = InternalClient(
    base_url=told["internal"],
    headers={"X-Internal-Service-Token": told["secret"]},
    raise_on_unexpected_status=True,
)

new = NewChannel(
    slug=told["slug"],
    name="Test Channel",
    microdao_id="microdao:daarion",
    visibility=Visibility.PUBLIC,
)
channel = create_channel.sync(client=alice, body=new)
assert channel.slug == told["slug"] and channel.created_by == "user:alice", channel
assert channel.id in [one.id for one in list_channels.sync(client=alice).items]

said = send_message.sync(channel.id, client=alice, body=NewMessage(text="Hello from Alice!"))
assert said.content_preview == "Hello from Alice!" and said.sender_id == "user:alice", said
member = invite_member.sync(channel.id, client=alice, body=Invitation(member_id="agent:sofia"))
assert member.member_id == "agent:sofia" and member.role == "agent", member
post = AgentPost(channel_id=channel.id, text="Hello from Sofia!", reply_to=said.id)
posted = post_to_channel.sync("agent:sofia", client=service, body=post)
assert posted.sender_type == "agent" and posted.reply_to == said.id, posted

add_reaction.sync_detailed(channel.id, posted.id, "👍", client=alice)
edited = EditedMessage(text="Hello again")
edited = edit_message.sync(channel.id, said.id, client=alice, body=edited)
assert edited.content_preview == "Hello again" and edited.edited_at, edited
page = list_messages.sync(channel.id, client=alice)
assert [message.id for message in page.items] == [posted.id, said.id], page
assert page.items[0].reactions[0].count == 1, page.items[0]
assert delete_message.sync_detailed(channel.id, said.id, client=alice).status_code == 204
members = {member.member_id for member in list_members.sync(channel.id, client=alice).items}
assert {"user:alice", "agent:sofia"} <= members, members
print("the Python client has lived the story")
