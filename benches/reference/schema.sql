-- The tables of the reference, after the schema of the service that daarion replaces.
create table channels (
    id uuid primary key,
    slug text not null,
    name text not null,
    microdao_id text not null,
    visibility text not null,
    status text not null,
    matrix_room_id text not null unique,
    created_at timestamptz not null
);
create table channel_members (
    channel_id uuid not null references channels (id),
    matrix_user_id text not null,
    membership text not null,
    primary key (channel_id, matrix_user_id)
);
create table messages (
    id uuid primary key,
    channel_id uuid not null references channels (id),
    matrix_event_id text not null unique,
    sender_id text not null,
    sender_type text not null,
    sender_matrix_id text not null,
    type text not null,
    content_preview text not null,
    truncated boolean not null,
    reply_to uuid,
    thread_id uuid,
    edited_at timestamptz,
    deleted boolean not null default false,
    created_at timestamptz not null
);
create index messages_in_order on messages (channel_id, created_at desc, id desc);
create table transactions (
    id text primary key,
    arrived_at timestamptz not null default now()
);
