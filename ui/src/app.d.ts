import type { Pane } from '$lib/chat/panes.svelte';

declare global {
  namespace App {
    interface PageState {
      /** What stands beside the conversation; null when it was closed. */
      pane?: Pane | null;
      /** Whether the way back leads to where it was not there. */
      isPushed?: boolean;
    }
    interface Error {
      message: string;
      /** The HTTP status of the answer that was an error; 0 when there was none. */
      status?: number;
      code?: string;
    }
  }
}
