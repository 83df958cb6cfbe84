// The city itself: what it is called, whose homeserver it has, who may create
// rooms and register agents. It is read once
// a visit; until then it is what an earlier visit has read.
import createClient from 'openapi-fetch';
import type { components, paths } from '$lib/api/schema';
import { m } from '$lib/paraglide/messages';

type About = components['schemas']['City'];

const KEPT = 'daarion.city';

class City {
  #about = $state.raw<About | null>(kept());

  get name(): string {
    return this.#about?.name ?? m.city_name();
  }

  get serverName(): string {
    return this.#about?.server_name ?? 'example.org';
  }

  /** What Matrix calls a room of the city. Null while it is not known what such names begin with. */
  aliasOf(slug: string): string | null {
    // What an earlier visit has read may not tell it yet.
    const prefix = this.#about?.room_prefix as string | undefined;
    return this.#about && prefix !== undefined ? `#${prefix}${slug}:${this.#about.server_name}` : null;
  }

  /** Whether somebody who is signed in may create rooms; the server has the last word. */
  mayCreate(isOperator: boolean): boolean {
    return isOperator || this.#about?.create !== 'operators';
  }

  /** The same of agents of one's own. */
  mayRegisterAgents(isOperator: boolean): boolean {
    return isOperator || this.#about?.create_agents !== 'operators';
  }

  async read(): Promise<void> {
    // Nothing depends on it: whoever gets no answer hears so of what they asked for.
    const answer = await createClient<paths>()
      .GET('/api/city')
      .catch(() => null);
    if (!answer?.data) return;
    this.#about = answer.data;
    localStorage.setItem(KEPT, JSON.stringify(answer.data));
  }
}

function kept(): About | null {
  try {
    return JSON.parse(localStorage.getItem(KEPT) ?? 'null') as About | null;
  } catch {
    return null;
  }
}

export const city = new City();
