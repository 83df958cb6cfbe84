// The messaging document's story, told by the types that openapi-typescript has made.

import createClient from 'openapi-fetch';
import type { paths as Internal } from './internal.js';
import type { paths as Public } from './public.js';

declare const process: { env: Record<string, string | undefined> };

type Told = { public: string; internal: string; secret: string; password: string; slug: string };
const told = JSON.parse(process.env.STORY ?? '') as Told;

function good<T>({ data, error }: { data?: T; error?: unknown }): T {
	if (data === undefined) throw new Error(JSON.stringify(error));
	return data;
}

function same(found: unknown, expected: unknown): void {
	if (JSON.stringify(found) !== JSON.stringify(expected)) {
		throw new Error(`${JSON.stringify(found)} instead of ${JSON.stringify(expected)}`);
	}
}

const anybody = createClient<Public>({ baseUrl: told.public });
const credentials = { user: 'alice', password: told.password };
const grant = good(await anybody.POST('/api/auth/login', { body: credentials }));
const alice = createClient<Public>({
	baseUrl: told.public,
	headers: { authorization: `Bearer ${grant.access_token}` }
});
const service = createClient<Internal>({
	baseUrl: told.internal,
	headers: { 'X-Internal-Service-Token': told.secret }
});

const channel = good(
	await alice.POST('/api/messaging/channels', {
		body: {
			slug: told.slug,
			name: 'Test Channel',
			microdao_id: 'microdao:daarion',
			visibility: 'public'
		}
	})
);
same([channel.slug, channel.created_by], [told.slug, 'user:alice']);
const path = { channel_id: channel.id };
const said = good(
	await alice.POST('/api/messaging/channels/{channel_id}/messages', {
		params: { path },
		body: { text: 'Hello from Alice!' }
	})
);
same([said.content_preview, said.sender_id], ['Hello from Alice!', 'user:alice']);
const member = good(
	await alice.POST('/api/messaging/channels/{channel_id}/members', {
		params: { path },
		body: { member_id: 'agent:sofia' }
	})
);
same([member.member_id, member.role], ['agent:sofia', 'agent']);
const posted = good(
	await service.POST('/internal/agents/{agent_id}/post-to-channel', {
		params: { path: { agent_id: 'agent:sofia' } },
		body: { channel_id: channel.id, text: 'Hello from Sofia!', reply_to: said.id }
	})
);
same([posted.sender_type, posted.reply_to], ['agent', said.id]);
const edited = good(
	await alice.PATCH('/api/messaging/channels/{channel_id}/messages/{message_id}', {
		params: { path: { ...path, message_id: said.id } },
		body: { text: 'Hello again' }
	})
);
same(edited.content_preview, 'Hello again');
const page = good(
	await alice.GET('/api/messaging/channels/{channel_id}/messages', { params: { path } })
);
same(
	page.items.map((message) => message.id),
	[posted.id, said.id]
);
console.log('the TypeScript client has lived the story');
