// What is being written: a message that is new, or another text for one of one's own.
import { api } from '$lib/api/client';
import { explain, ok } from '$lib/api/error';
import { Once } from '$lib/api/once';
import type { Message } from '$lib/live/frames';
import { Draft, isTooLong, type Mention } from './draft.svelte';
import { readMessage } from './reads';
import { mayEdit } from './rights';
import { standsIn } from './rows';
import type { Talk } from './talk';

export class Writing {
  readonly draft: Draft;
  /** The message that gets another text; the draft waits meanwhile. */
  editing = $state.raw<Message | null>(null);
  /** Why it did not get it. */
  refusal = $state<string | null>(null);
  isBusy = $state(false);

  #talk: Talk;
  #once = new Once();
  #edited = $state('');
  #called: Mention[] = [];

  constructor(talk: Talk) {
    this.#talk = talk;
    this.draft = new Draft(talk.me, talk.channel.id, talk.thread);
  }

  get text(): string {
    return this.editing ? this.#edited : this.draft.text;
  }

  set text(text: string) {
    if (this.editing) this.#edited = text;
    else this.draft.text = text;
  }

  get isTooLong(): boolean {
    return this.editing ? isTooLong(this.#edited) : this.draft.isTooLong;
  }

  get canBeSaid(): boolean {
    return this.text.trim() !== '' && !this.isTooLong && !this.isBusy;
  }

  /** Somebody was chosen from the list, and stands in the text. */
  call(mention: Mention): void {
    if (this.editing) this.#called.push(mention);
    else this.draft.mentions.push(mention);
  }

  /** Says it; what is already said says something else from now on. */
  async send(): Promise<void> {
    if (this.editing) return this.#change(this.editing);
    const { text, replyTo, mentions } = this.draft;
    const { outbox, thread } = this.#talk;
    outbox.say({ text: text.trim(), replyTo, threadId: thread, mentions: inText(mentions, text) });
    this.draft.clear();
  }

  /** Leaves it with the server, to be said at that time. Throws what the server says against it. */
  async sendLater(send_at: string): Promise<void> {
    const { text, replyTo, mentions } = this.draft;
    const { later, thread } = this.#talk;
    const called = inText(mentions, text);
    const body = {
      send_at,
      text: text.trim(),
      format: 'markdown' as const,
      reply_to: replyTo ?? undefined,
      thread_id: thread ?? undefined,
      mentions: called.length > 0 ? called : undefined,
    };
    await this.#once.ask(body, (header) => later.add(body, header));
    // Somebody may have written on meanwhile.
    if (this.draft.text === text) this.draft.clear();
  }

  /** Gives a message of one's own another text. */
  async edit(message: Message): Promise<void> {
    const { people } = this.#talk;
    this.refusal = null;
    try {
      this.#edited = await this.#wholeText(message);
    } catch (error) {
      this.refusal = explain(error);
      return;
    }
    this.#called = (message.mentions ?? []).map((entity) => ({ name: people.called(entity), entity }));
    this.editing = message;
  }

  /** The last of one's own that may get another text. */
  get lastOwn(): Message | undefined {
    const { timeline, thread } = this.#talk;
    const isHere = standsIn(thread);
    return timeline.messages?.findLast((message) => isHere(message) && mayEdit(this.#talk, message));
  }

  /** Lets go of what the text was for; whether there was something. */
  letGo(): boolean {
    const had = this.editing !== null || this.draft.replyTo !== null;
    if (this.editing) this.editing = null;
    else this.draft.replyTo = null;
    this.refusal = null;
    return had;
  }

  async #wholeText({ id, content, content_preview, truncated }: Message): Promise<string> {
    if (content) return content.body;
    if (!truncated) return content_preview;
    const message = await readMessage(this.#talk.channel.id, id);
    return message.content?.body ?? content_preview;
  }

  async #change(message: Message): Promise<void> {
    const path = { channel_id: this.#talk.channel.id, message_id: message.id };
    const text = this.#edited.trim();
    const body = { text, format: 'markdown' as const, mentions: inText(this.#called, text) };
    const url = '/api/messaging/channels/{channel_id}/messages/{message_id}';
    this.isBusy = true;
    this.refusal = null;
    try {
      const changed = await ok(api.PATCH(url, { params: { path }, body }));
      this.#talk.timeline.add(changed);
      this.editing = null;
    } catch (error) {
      this.refusal = explain(error);
    } finally {
      this.isBusy = false;
    }
  }
}

/** Who is still in the text. */
function inText(mentions: readonly Mention[], text: string): string[] {
  const some = mentions.filter(({ name }) => text.includes(name));
  return [...new Set(some.map(({ entity }) => entity))];
}
