"""The reference that daarion is measured against: what it does, on the stack of the services that it
replaces. FastAPI, asyncpg and PostgreSQL, written as one writes them for speed: one prepared
statement for each question, one commit for each transaction, a pool that is always open.

Two operations, with the checks that daarion makes: a channel's messages for a person with a JWT, and
a homeserver's transaction, which is acknowledged when it is durable.
"""

import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from contextlib import asynccontextmanager
from datetime import datetime, timezone
from uuid import NAMESPACE_URL, UUID, uuid5

import asyncpg
import jwt
from fastapi import Depends, FastAPI, Header, HTTPException, Query, Request
from pydantic import BaseModel

SERVER = os.environ["REFERENCE_SERVER"]
HS_TOKEN = os.environ["REFERENCE_HS_TOKEN"]
ISSUER = os.environ["REFERENCE_ISSUER"]
KEY = os.environ["REFERENCE_KEY"]
PREVIEW = 280


@asynccontextmanager
async def lifespan(app: FastAPI):
    async with asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=8, max_size=8) as pool:
        app.state.pool = pool
        yield


app = FastAPI(lifespan=lifespan)


class Message(BaseModel):
    id: UUID
    channel_id: UUID
    matrix_event_id: str
    sender_id: str
    sender_type: str
    sender_matrix_id: str
    type: str
    content_preview: str
    truncated: bool
    reply_to: UUID | None
    thread_id: UUID | None
    edited_at: datetime | None
    deleted: bool
    created_at: datetime


class MessagePage(BaseModel):
    items: list[Message]
    next: str | None


def person(authorization: str = Header()) -> str:
    """The Matrix user of whoever shows a good JWT."""
    scheme, _, token = authorization.partition(" ")
    try:
        if scheme != "Bearer":
            raise jwt.InvalidTokenError("not a bearer token")
        claims = jwt.decode(
            token, KEY, algorithms=["HS256"], audience="daarion", issuer=ISSUER, leeway=60
        )
    except jwt.InvalidTokenError as error:
        raise HTTPException(401, "the access token is not valid") from error
    return f"@{claims['sub']}:{SERVER}"


STANDING = """
    select channels.visibility, member.membership
    from channels left join channel_members member
        on member.channel_id = channels.id and member.matrix_user_id = $2
    where channels.id = $1
"""
COLUMNS = """
    id, channel_id, matrix_event_id, sender_id, sender_type, sender_matrix_id, type,
    content_preview, truncated, reply_to, thread_id, edited_at, deleted, created_at
"""
NEWEST = f"""
    select {COLUMNS} from messages where channel_id = $1
    order by created_at desc, id desc limit $2
"""
OLDER = f"""
    select {COLUMNS} from messages where channel_id = $1 and (created_at, id) < ($3, $4)
    order by created_at desc, id desc limit $2
"""


@app.get("/api/messaging/channels/{channel_id}/messages", response_model=MessagePage)
async def list_messages(
    channel_id: UUID,
    request: Request,
    limit: int = Query(50, ge=1, le=200),
    cursor: str | None = None,
    user: str = Depends(person),
) -> MessagePage:
    async with request.app.state.pool.acquire() as connection:
        standing = await connection.fetchrow(STANDING, channel_id, user)
        if standing is None or not is_visible(standing["visibility"], standing["membership"]):
            raise HTTPException(404, f"no channel {channel_id}")
        if cursor is None:
            rows = await connection.fetch(NEWEST, channel_id, limit + 1)
        else:
            created_at, last = read_cursor(cursor)
            rows = await connection.fetch(OLDER, channel_id, limit + 1, created_at, last)
    items = [Message.model_construct(**row) for row in rows[:limit]]
    following = write_cursor(items[-1]) if len(rows) > limit else None
    return MessagePage.model_construct(items=items, next=following)


def is_visible(visibility: str, membership: str | None) -> bool:
    if membership in ("joined", "invited"):
        return True
    return membership != "banned" and visibility == "public"


def write_cursor(last: Message) -> str:
    return urlsafe_b64encode(f"{last.created_at.isoformat()} {last.id}".encode()).decode()


def read_cursor(cursor: str) -> tuple[datetime, UUID]:
    try:
        created_at, last = urlsafe_b64decode(cursor).decode().split(" ")
        return datetime.fromisoformat(created_at), UUID(last)
    except ValueError as error:
        raise HTTPException(400, "cursor: is none of ours") from error


CHANNELS = "select matrix_room_id, id from channels where matrix_room_id = any($1::text[])"
TRANSACTION = "insert into transactions (id) values ($1) on conflict do nothing returning id"
MESSAGES = """
    insert into messages (id, channel_id, matrix_event_id, sender_id, sender_type,
        sender_matrix_id, type, content_preview, truncated, created_at)
    select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[],
        $7::text[], $8::text[], $9::boolean[], $10::timestamptz[])
    on conflict do nothing
"""


@app.put("/_matrix/app/v1/transactions/{transaction}")
async def push(transaction: str, request: Request, authorization: str = Header()) -> dict:
    if authorization != f"Bearer {HS_TOKEN}":
        raise HTTPException(403, "the token is not the homeserver's")
    events = (await request.json())["events"]
    rooms = list({event["room_id"] for event in events})
    async with request.app.state.pool.acquire() as connection, connection.transaction():
        if await connection.fetchval(TRANSACTION, transaction) is None:
            return {}
        channels = dict(await connection.fetch(CHANNELS, rooms))
        rows = [row for event in events if (row := row_of(event, channels))]
        if rows:
            await connection.execute(MESSAGES, *map(list, zip(*rows)))
    return {}


def row_of(event: dict, channels: dict[str, UUID]) -> tuple | None:
    """What of an event is kept: nothing of what is no message of a channel."""
    channel, content = channels.get(event["room_id"]), event["content"]
    if channel is None or event["type"] != "m.room.message" or "body" not in content:
        return None
    sender, body = event["sender"], content["body"]
    localpart = sender[1:].partition(":")[0]
    is_agent = localpart.startswith("agent_")
    return (
        uuid5(NAMESPACE_URL, event["event_id"]),
        channel,
        event["event_id"],
        f"agent:{localpart[6:]}" if is_agent else f"user:{localpart}",
        "agent" if is_agent else "human",
        sender,
        content.get("msgtype", "m.text"),
        body[:PREVIEW],
        len(body) > PREVIEW,
        datetime.fromtimestamp(event["origin_server_ts"] / 1000, timezone.utc),
    )
