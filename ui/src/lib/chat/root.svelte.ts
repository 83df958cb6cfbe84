// The message that a thread begins with: of the conversation where it is held there, else read.
import type { Message } from '$lib/live/frames';
import type { Conversation } from './conversation.svelte';
import { readMessage } from './reads';

export class Root {
  error = $state.raw<unknown>(null);

  #conversation: Conversation;
  #id: string;
  #read = $state.raw<Message | null>(null);

  constructor(conversation: Conversation, id: string) {
    this.#conversation = conversation;
    this.#id = id;
  }

  message = $derived.by(() => {
    const held = this.#conversation.timeline.messages?.find(({ id }) => id === this.#id);
    return held ?? this.#read;
  });

  async read(): Promise<void> {
    this.error = null;
    try {
      this.#read = await readMessage(this.#conversation.channel.id, this.#id);
    } catch (error) {
      this.error = error;
    }
  }
}
