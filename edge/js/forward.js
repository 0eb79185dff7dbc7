// The way to an inference host: the request's body is handed over as the stream it is.

// What came of it, beside an HTTP status; the numbers are those of edge/src/forward.rs.
export const FAILED = 0;
export const TIMED_OUT = 1;
export const STRANGER = 2;
export const GONE = 3;
/** A realtime session has begun (realtime.js). */
export const UPGRADED = 4;
/** There is no host to send it to (hosts.js). */
export const NOBODY = 5;

/** How long a request whose transcript is kept goes on after its caller has left. */
const GRACE_MS = 30_000;

/**
 * Sends the request that `call.outgoing` describes. No byte of the body is read here. The caller's leaving
 * cancels it (at once, or where its transcript is kept after a while), and so does the deadline. The answer stays
 * on `call.upstream`; its status is returned.
 */
export async function forward(call) {
  const { url, claims, signature, timeoutMs, passing, kept } = call.outgoing;
  const headers = { "x-edge-request-id": call.id, "x-edge-claims": claims, "x-edge-signature": signature };
  for (const name of passing) {
    const value = call.request.headers.get(name);
    if (value !== null) headers[name] = value;
  }
  // One controller for both: `AbortSignal.any` and `.timeout` cost a tenth of a millisecond.
  const both = new AbortController();
  const { signal } = call.request;
  // What is kept is worth its end; the platform grants it so long.
  const leave = () => (kept ? setTimeout(() => both.abort(), GRACE_MS) : both.abort());
  signal.addEventListener("abort", leave);
  if (signal.aborted) leave();
  let late = false;
  // Holds for the answer's body, too; it ends with the request.
  const deadline = setTimeout(() => {
    late = true;
    both.abort();
  }, timeoutMs);
  try {
    call.upstream = await fetch(url, {
      method: call.request.method,
      headers,
      body: call.request.body,
      redirect: "manual",
      signal: both.signal,
    });
  } catch (error) {
    call.cause = String(error);
    clearTimeout(deadline);
    if (signal.aborted) return GONE;
    return late ? TIMED_OUT : FAILED;
  }
  if (call.upstream.headers.get("x-request-id") !== call.id) {
    // Not the service: a proxy's page, another program on its port.
    call.cause = `status ${call.upstream.status} without this request's id`;
    call.upstream.body?.cancel().catch(() => {});
    return STRANGER;
  }
  return call.upstream.status;
}
