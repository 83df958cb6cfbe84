// The ways to a message or to a day that is not on the screen.
import { tick } from 'svelte';
import { ApiError, explain } from '$lib/api/error';
import { m } from '$lib/paraglide/messages';
import { say } from '$lib/ui';
import type { Conversation } from './conversation.svelte';
import type { Panes } from './panes.svelte';
import { readMessage } from './reads';
import { standsIn } from './rows';

export class Seeker {
  /** The message that somebody has come for: it is marked. */
  found = $state<string | null>(null);

  #conversation: Conversation;
  #panes: Panes;

  constructor(conversation: Conversation, panes: Panes) {
    this.#conversation = conversation;
    this.#panes = panes;
  }

  /** Goes where the address of the page leads. */
  arrive(address: URL): void {
    const id = address.searchParams.get('message');
    if (id) void this.seek(id);
  }

  /** Goes to a message, also to one of a thread, and says so when it cannot. */
  async seek(id: string): Promise<void> {
    const { timeline, channel } = this.#conversation;
    try {
      const held = timeline.messages?.find((message) => message.id === id);
      const message = held ?? (await readMessage(channel.id, id, 'preview'));
      if (message.thread_id) {
        this.#panes.open({ kind: 'thread', root: message.thread_id, found: id });
        return;
      }
      if (!timeline.messages?.some((it) => it.id === id)) await timeline.goTo(message.created_at);
      await this.#mark(id);
    } catch (error) {
      const isGone = error instanceof ApiError && [400, 404].includes(error.status);
      say(isGone ? m.chat_message_gone() : explain(error), 'bad');
      if (timeline.messages === null) await timeline.loadNewest();
    }
  }

  /** Goes to what was said first on a day or after it. Throws when that cannot be read. */
  async seekDay(midnight: Date): Promise<void> {
    const { timeline } = this.#conversation;
    await timeline.goTo(midnight.toISOString());
    const shown = timeline.messages?.filter(standsIn(null)) ?? [];
    const first = shown.find((it) => Date.parse(it.created_at) >= midnight.getTime());
    const last = first ?? shown.at(-1);
    if (last) await this.#mark(last.id);
  }

  /** Also when it was marked before. What covers the conversation makes way. */
  async #mark(id: string): Promise<void> {
    if (!this.#panes.isWide && this.#panes.current) this.#panes.close();
    this.found = null;
    await tick();
    this.found = id;
  }
}
