-- Channels, members and messages like those that daarion has when it is measured beside.
-- Variables: channels, members, messages, server, begun (milliseconds since the epoch).
insert into channels
select ('00000000-0000-4000-8000-' || lpad(to_hex(number), 12, '0'))::uuid, 'channel-' || number,
    'Channel ' || number, 'microdao:bench', 'public', 'active',
    '!room' || lpad(number::text, 4, '0') || ':' || :'server', now()
from generate_series(0, :channels - 1) number;

insert into channel_members
select ('00000000-0000-4000-8000-' || lpad(to_hex(channel), 12, '0'))::uuid,
    '@person' || (channel * :members + member) % 1000 || ':' || :'server', 'joined'
from generate_series(0, :channels - 1) channel, generate_series(0, :members - 1) member;

insert into messages
select gen_random_uuid(),
    ('00000000-0000-4000-8000-' || lpad(to_hex(number % :channels), 12, '0'))::uuid,
    '$' || substr(translate(encode(sha256(number::text::bytea), 'base64'), '+/=', '-_'), 1, 43),
    'user:person' || number % 1000, 'human', '@person' || number % 1000 || ':' || :'server',
    'm.text',
    (array['Good morning! The market on the square opens at nine.',
        'Добрий день усім, хто сьогодні грає на гітарі в парку?',
        'ok',
        'I have put the notes of the last meeting into the library; please read them before Thursday, there are three questions that we have to answer together.',
        'Зустріч переносимо на п''ятницю, бо зала зайнята. Дякую за розуміння!',
        'See https://example.org/map?place=42 for the way, it is shorter than the old one.'
    ])[number % 6 + 1] || ' (' || number || ')',
    false, null, null, null, false, to_timestamp((:begun + number) / 1000.0)
from generate_series(0, :messages - 1) number;

vacuum analyze;
checkpoint;
