// What a form makes is made once. Its request carries a key as long as it asks for the same, so
// asked again after an answer that was lost the server gives the first answer again.
import { ApiError } from './error';

/** As the header of a request. */
export type Named = { 'Idempotency-Key': string };

/** The requests of one form. */
export class Once {
  #asked: string | null = null;
  #key = '';

  /** Sends what is asked for, under its key. What is made gives its key up: the same words again are
      another thing. */
  async ask<Body, Answer>(body: Body, send: (header: Named) => Promise<Answer>): Promise<Answer> {
    const asked = JSON.stringify(body);
    if (asked !== this.#asked) this.#key = newKey();
    this.#asked = asked;
    try {
      const answer = await send({ 'Idempotency-Key': this.#key });
      this.#asked = null;
      return answer;
    } catch (error) {
      if (error instanceof ApiError && error.isDone) this.#asked = null;
      throw error;
    }
  }
}

/** A key that nobody else has. The ready-made ones are there on encrypted pages alone. */
export function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
