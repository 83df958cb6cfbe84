// Whoever opens several pages at once may read more in a second than the server lets one person.
// What was only read is asked for again when the server says so; nobody has to see that.

const MOST = 3;
/** Who is told to wait longer hears so at once. */
const LONGEST_S = 3;

/** Sends a request, and a reading that came too soon once more after the time that the answer names. */
export async function patiently(
  request: Request,
  send: (request: Request) => Promise<Response>,
): Promise<Response> {
  for (let again = 0; again < MOST; again++) {
    const answer = await send(request.clone());
    const seconds = waitOf(request, answer);
    if (seconds === null) return answer;
    await new Promise((done) => setTimeout(done, seconds * 1_000));
  }
  return send(request);
}

/** Null when the answer counts. */
function waitOf(request: Request, answer: Response): number | null {
  if (request.method !== 'GET' || answer.status !== 429) return null;
  const seconds = Number(answer.headers.get('Retry-After') ?? Number.NaN);
  return seconds <= LONGEST_S ? seconds : null;
}
