// Who is in a channel, and what they are called there.
import { api, type Schemas } from '$lib/api/client';
import { ok } from '$lib/api/error';
import type { MemberChange } from '$lib/live/frames';
import { Meanwhile } from './meanwhile';

export type Member = Schemas['Member'];

const PAGE = 200;

export class People {
  /** By Matrix user id; null before the first reading. */
  all = $state.raw<ReadonlyMap<string, Member> | null>(null);
  error = $state.raw<unknown>(null);

  #channel: string;
  #meanwhile = new Meanwhile<MemberChange>();

  constructor(channel: string) {
    this.#channel = channel;
  }

  joined = $derived(this.#with('joined'));
  invited = $derived(this.#with('invited'));

  async load(): Promise<void> {
    try {
      const [found, news] = await this.#meanwhile.reading(() => this.#read());
      this.all = found;
      for (const change of news) this.#tell(change);
      this.error = null;
    } catch (error) {
      this.error = error;
    }
  }

  apply(change: MemberChange): void {
    this.#meanwhile.note(change);
    this.#tell(change);
  }

  async #read(): Promise<ReadonlyMap<string, Member>> {
    const found = new Map<string, Member>();
    let cursor: string | undefined;
    do {
      const params = { path: { channel_id: this.#channel }, query: { limit: PAGE, cursor } };
      const page = await ok(api.GET('/api/messaging/channels/{channel_id}/members', { params }));
      for (const member of page.items) found.set(member.matrix_user_id, member);
      cursor = page.next ?? undefined;
    } while (cursor);
    return found;
  }

  #tell(change: MemberChange): void {
    if (!this.all) return;
    const before = this.all.get(change.matrix_user_id);
    const isAgent = change.member_id.startsWith('agent:');
    const next = new Map(this.all);
    next.set(change.matrix_user_id, {
      by: change.matrix_user_id,
      role: isAgent ? 'agent' : 'member',
      ...before,
      ...change,
      member_type: isAgent ? 'agent' : 'human',
      display_name: change.display_name ?? undefined,
    });
    this.all = next;
  }

  /** The name to show for a Matrix user. */
  name(matrixUserId: string): string {
    const found = this.all?.get(matrixUserId)?.display_name;
    return found ?? /^@([^:]+)/.exec(matrixUserId)?.[1] ?? matrixUserId;
  }

  #with(membership: Member['membership']): Member[] {
    const some = [...(this.all?.values() ?? [])].filter((it) => it.membership === membership);
    return some.sort((one, other) =>
      this.name(one.matrix_user_id).localeCompare(this.name(other.matrix_user_id)),
    );
  }
}
