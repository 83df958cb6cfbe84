// Whom somebody may mean who types an @ and the beginning of a name.
import type { Member, People } from './people.svelte';

/** An @ that begins a word, and what stands between it and the cursor. */
const BEGUN = /(?:^|[\s(])@([^\s@]{0,40})$/u;
const AT_MOST = 6;

export class Completion {
  /** Which of them is chosen. */
  at = $state(0);

  #people: People;
  #me: string;
  /** What was typed behind the @; null while nobody is looked for. */
  #query = $state<string | null>(null);

  constructor(people: People, me: string) {
    this.#people = people;
    this.#me = me;
  }

  found = $derived.by((): Member[] => {
    const query = this.#query?.toLocaleLowerCase();
    if (query === undefined) return [];
    const others = this.#people.joined.filter((member) => member.member_id !== this.#me);
    const isMeant = (member: Member) => this.#words(member).some((it) => it.startsWith(query));
    return others.filter(isMeant).slice(0, AT_MOST);
  });

  /** Looks at what stands before the cursor. */
  look(before: string): void {
    this.#query = BEGUN.exec(before)?.[1] ?? null;
    this.at = 0;
  }

  close(): void {
    this.#query = null;
  }

  step(by: number): void {
    const { length } = this.found;
    this.at = (this.at + by + length) % length;
  }

  /** The text before the cursor with the chosen one in it, and by which words they are called. */
  complete(before: string, member: Member): { text: string; name: string } {
    const name = `@${this.#people.name(member.matrix_user_id)}`;
    const begun = (BEGUN.exec(before)?.[1]?.length ?? 0) + 1;
    this.close();
    return { text: `${before.slice(0, before.length - begun)}${name} `, name };
  }

  #words({ matrix_user_id }: Member): string[] {
    const name = this.#people.name(matrix_user_id).toLocaleLowerCase();
    return [name, ...name.split(/\s+/), matrix_user_id.slice(1).toLocaleLowerCase()];
  }
}
