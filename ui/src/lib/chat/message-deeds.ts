// What the menu of a message offers, in its order.
import Copy from '@lucide/svelte/icons/copy';
import ExternalLink from '@lucide/svelte/icons/external-link';
import Link from '@lucide/svelte/icons/link';
import MessageSquareText from '@lucide/svelte/icons/message-square-text';
import Pencil from '@lucide/svelte/icons/pencil';
import Pin from '@lucide/svelte/icons/pin';
import PinOff from '@lucide/svelte/icons/pin-off';
import Reply from '@lucide/svelte/icons/reply';
import Trash from '@lucide/svelte/icons/trash-2';
import Users from '@lucide/svelte/icons/users';
import type { Message } from '$lib/live/frames';
import { m } from '$lib/paraglide/messages';
import type { Actions } from './actions';
import { mayDelete, mayEdit, mayModerate } from './rights';
import type { Talk } from './talk';

export interface Deed {
  label: string;
  icon: typeof Copy;
  run: () => void;
  danger?: boolean;
}

/** What the menu does by itself. */
export interface Own {
  pin: (isPinned: boolean) => void;
  who: () => void;
  copyLink: () => void;
  copyClientLink: () => void;
  copyText: () => void;
  remove: () => void;
}

export function deedsFor(talk: Talk, message: Message, actions: Actions, own: Own): Deed[] {
  const { thread } = actions;
  const canSpeak = talk.silence === null;
  const mayPin = mayModerate(talk) && talk.channel.status !== 'archived';
  const all: (Deed | false | undefined)[] = [
    canSpeak && { label: m.chat_reply(), icon: Reply, run: () => actions.reply(message) },
    canSpeak && thread && {
      label: m.chat_reply_in_thread(),
      icon: MessageSquareText,
      run: () => thread(message),
    },
    mayEdit(talk, message) && { label: m.chat_edit(), icon: Pencil, run: () => actions.edit(message) },
    mayPin && {
      label: message.pinned ? m.chat_unpin() : m.chat_pin(),
      icon: message.pinned ? PinOff : Pin,
      run: () => own.pin(!message.pinned),
    },
    message.reactions?.length > 0 && { label: m.chat_who_reacted(), icon: Users, run: own.who },
    { label: m.chat_copy_link(), icon: Link, run: own.copyLink },
    { label: m.chat_copy_client_link(), icon: ExternalLink, run: own.copyClientLink },
    message.content_preview !== '' && { label: m.chat_copy_text(), icon: Copy, run: own.copyText },
    mayDelete(talk, message) && { label: m.chat_delete(), icon: Trash, run: own.remove, danger: true },
  ];
  return all.filter((deed) => typeof deed === 'object');
}
