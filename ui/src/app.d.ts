declare global {
  namespace App {
    interface Error {
      message: string;
      /** The HTTP status of the answer that was an error; 0 when there was none. */
      status?: number;
      code?: string;
    }
  }
}

export {};
