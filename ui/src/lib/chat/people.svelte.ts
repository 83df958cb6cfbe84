// Who is in a channel, and what they are called there.
import { api, type Schemas } from '$lib/api/client';
import { ok } from '$lib/api/error';
import type { MemberChange, RolesFrame } from '$lib/live/frames';
import { Meanwhile } from './meanwhile';

export type Member = Schemas['Member'];

const PAGE = 200;
/** Of more than so many the whole list is read. */
const FEW = 5;

const isInside = ({ membership }: Member): boolean =>
  membership === 'joined' || membership === 'invited';

/** Whether they have no word at this time. */
export const isMuted = ({ muted_until }: Member): boolean =>
  muted_until !== undefined && muted_until !== null && Date.parse(muted_until) > Date.now();

export class People {
  /** By Matrix user id; null before the first reading. */
  all = $state.raw<ReadonlyMap<string, Member> | null>(null);
  error = $state.raw<unknown>(null);

  #channel: string;
  #showsOutside = false;
  #meanwhile = new Meanwhile<MemberChange | RolesFrame>();
  /** As they were told last: whoever comes in later stands in them, too. */
  #roles: RolesFrame | null = null;
  #newcomers: Member[] = [];
  #isMeeting = false;

  constructor(channel: string) {
    this.#channel = channel;
  }

  joined = $derived(this.#with('joined'));
  /** By entity. */
  byEntity = $derived(new Map([...(this.all?.values() ?? [])].map((it) => [it.member_id, it])));
  invited = $derived(this.#with('invited'));
  /** Only when somebody has wanted to see them, as who knocks. */
  banned = $derived(this.#with('banned'));
  knocking = $derived(this.#with('knocking'));

  async load(): Promise<void> {
    try {
      await this.#take(
        () => this.#read(),
        (found) => {
          this.all = found;
          this.error = null;
        },
      );
    } catch (error) {
      this.error = error;
    }
  }

  /** Something was missed: the roles that were told may be others by now. */
  startOver(): Promise<void> {
    this.#roles = null;
    return this.load();
  }

  /** Reads from now on also who stands outside: who is banned, and who asks to be let in. */
  async showOutside(): Promise<void> {
    this.#showsOutside = true;
    await this.#take(
      () => this.#outside(),
      (found) => this.#put(found),
    );
  }

  /** One of them, as the server has it now. */
  set(member: Member): void {
    this.#put([member]);
  }

  /** The roles of all were set. */
  setRoles(frame: RolesFrame): void {
    this.#meanwhile.note(frame);
    void this.readAgain(this.#rank(frame));
  }

  /** A mute is a power level, and until when it lasts the frame does not say. */
  async readAgain(members: readonly Member[]): Promise<void> {
    if (members.length === 0) return;
    if (members.length > FEW) return this.load();
    const read = ({ member_id }: Member) => {
      const params = { path: { channel_id: this.#channel, entity: member_id } };
      return ok(api.GET('/api/messaging/channels/{channel_id}/members/{entity}', { params }));
    };
    await this.#take(
      () => Promise.allSettled(members.map(read)),
      // What is known of the others stays.
      (found) => this.#put(found.filter((it) => it.status === 'fulfilled').map(({ value }) => value)),
    );
  }

  apply(change: MemberChange): void {
    this.#meanwhile.note(change);
    const isNew = !this.all?.has(change.matrix_user_id);
    this.#tell(change);
    const member = this.all?.get(change.matrix_user_id);
    if (!member) return;
    // Why somebody asks is for those who answer; the frame is for everybody.
    if (member.membership === 'knocking' && this.#showsOutside) void this.readAgain([member]);
    if (isNew && isInside(member) && !this.#roles) void this.#meet(member);
  }

  /** Reads the role of somebody new, which nobody has told. Who comes meanwhile is read together. */
  async #meet(member: Member): Promise<void> {
    this.#newcomers.push(member);
    if (this.#isMeeting) return;
    this.#isMeeting = true;
    while (this.#newcomers.length > 0) await this.readAgain(this.#newcomers.splice(0));
    this.#isMeeting = false;
  }

  /** Reads and puts what was found; what came meanwhile may be newer, and is told to it once more. */
  async #take<Found>(read: () => Promise<Found>, put: (found: Found) => void): Promise<void> {
    const [found, news] = await this.#meanwhile.reading(read);
    put(found);
    const moved: Member[] = [];
    for (const it of news) {
      if ('roles' in it) moved.push(...this.#rank(it));
      else this.#tell(it);
    }
    await this.readAgain(moved);
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
    const outside = this.#showsOutside ? await this.#outside() : [];
    for (const member of outside) found.set(member.matrix_user_id, member);
    return found;
  }

  /** That it cannot be read is no reason to hide the others. */
  async #outside(): Promise<Member[]> {
    const params = { path: { channel_id: this.#channel }, query: { limit: PAGE } };
    const lists = await Promise.allSettled([
      ok(api.GET('/api/messaging/channels/{channel_id}/bans', { params })),
      ok(api.GET('/api/messaging/channels/{channel_id}/knocks', { params })),
    ]);
    return lists.flatMap((list) => (list.status === 'fulfilled' ? list.value.items : []));
  }

  #put(members: readonly Member[]): void {
    if (!this.all) return;
    const next = new Map(this.all);
    for (const member of members) {
      const known = next.get(member.matrix_user_id)?.display_name;
      next.set(member.matrix_user_id, { ...member, display_name: member.display_name ?? known });
    }
    this.all = next;
  }

  /** Gives each the role of a frame; who of those inside has another one now. */
  #rank(frame: RolesFrame): Member[] {
    this.#roles = frame;
    const before = this.all;
    const rank = (it: Member): Member => ({ ...it, ...this.#rankOf(it.matrix_user_id, it.role) });
    const ranked = [...(before?.values() ?? [])].map(rank);
    this.#put(ranked);
    const isOther = (it: Member) => before?.get(it.matrix_user_id)?.power_level !== it.power_level;
    return ranked.filter((it) => isInside(it) && isOther(it));
  }

  #rankOf(user: string, role: Member['role']): Pick<Member, 'role' | 'power_level'> {
    if (!this.#roles) return { role, power_level: 0 };
    const { roles, default_role, default_power_level } = this.#roles;
    const own = roles.find((it) => it.matrix_user_id === user);
    return {
      role: role === 'agent' ? role : (own?.role ?? default_role),
      power_level: own?.power_level ?? default_power_level,
    };
  }

  #tell(change: MemberChange): void {
    if (!this.all) return;
    const before = this.all.get(change.matrix_user_id);
    const isAgent = change.member_id.startsWith('agent:');
    const isGone = change.membership === 'left' || change.membership === 'banned';
    // Whoever is sent away is not named in that.
    const name = change.display_name ?? (isGone ? before?.display_name : null);
    const next = new Map(this.all);
    next.set(change.matrix_user_id, {
      by: change.matrix_user_id,
      ...this.#rankOf(change.matrix_user_id, isAgent ? 'agent' : 'member'),
      ...before,
      ...change,
      member_type: isAgent ? 'agent' : 'human',
      display_name: name ?? undefined,
    });
    this.all = next;
  }

  /** The name to show for a Matrix user. */
  name(matrixUserId: string): string {
    const found = this.all?.get(matrixUserId)?.display_name;
    return found ?? /^@([^:]+)/.exec(matrixUserId)?.[1] ?? matrixUserId;
  }

  /** The name to show for an entity. */
  called(entity: string): string {
    const found = this.byEntity.get(entity);
    return found ? this.name(found.matrix_user_id) : (entity.split(':')[1] ?? entity);
  }

  #with(membership: Member['membership']): Member[] {
    const some = [...(this.all?.values() ?? [])].filter((it) => it.membership === membership);
    return some.sort((one, other) =>
      this.name(one.matrix_user_id).localeCompare(this.name(other.matrix_user_id)),
    );
  }
}
