// The few reactions at hand. The pictures are the system's own.
import { m } from '$lib/paraglide/messages';

const NAMED = {
  '👍': m.emoji_thumbs_up,
  '❤️': m.emoji_heart,
  '😂': m.emoji_laugh,
  '🎉': m.emoji_party,
  '😮': m.emoji_astonished,
  '😢': m.emoji_sad,
  '🙏': m.emoji_thanks,
  '👀': m.emoji_eyes,
  '✅': m.emoji_done,
  '🔥': m.emoji_fire,
  '👏': m.emoji_applause,
  '🤔': m.emoji_thinking,
} as const;

/** Each with what it is called. */
export const reactions = (): { key: string; name: string }[] =>
  Object.entries(NAMED).map(([key, name]) => ({ key, name: name() }));
