// The end of an admitted request with audio: what was measured is charged, or, where nothing was served, what
// was charged is given back. Off the caller's way, and whether he is still there or not.
import { takenAlong } from "./ends.js";

/** Settlements that are tried; they are idempotent, and a lease that is never settled expires. */
const TRIES = 3;

/** What an admission says of an end that has time, in its fourth field (edge/core/src/admission.rs). */
const MAY_WAIT = "w";

/** The promise that a request with audio is settled. It begins with the lease and ends after `call.end`. */
export async function endOf(call) {
  const ended = new Promise((end) => (call.end = end));
  const status = await ended;
  const audioMs = Math.round(1000 * Number(call.upstream?.headers.get("x-audio-seconds") ?? 0)) || 0;
  const bytes = Number(call.request.headers.get("content-length") ?? 0) || 0;
  const measured = [status, audioMs, bytes, Date.now() - call.start];
  if (status < 300 && call.permitAt === 0 && call.packed.split("\n", 4)[3] === MAY_WAIT) {
    if (await takenAlong(call.keyId, [call.id, ...measured].join(" "))) return;
  }
  for (let tries = 1; ; tries++) {
    try {
      const object = call.env.LIMITER.getByName(call.keyId);
      // What a permit let in has no lease, and no name by which a second settlement would be known.
      if (call.permitAt > 0) await object.settlePermitted(call.permitAt, call.cost, ...measured);
      else await object.settle(call.id, ...measured);
      return;
    } catch (error) {
      if (tries < TRIES && call.permitAt === 0) continue;
      console.error(JSON.stringify({ level: "error", msg: "not settled", request_id: call.id, cause: String(error) }));
      return;
    }
  }
}

const GONE = 499;

/**
 * Says when a request has ended. An answer in one piece has ended when it is there; one that streams ends
 * with its last byte, or when its caller leaves.
 */
export function settle(call, response) {
  if (!call.leased) return response;
  const streams = response.body !== null && (response.headers.get("content-type") ?? "").startsWith("text/event-stream");
  if (!streams) {
    call.end(response.status);
    return response;
  }
  // Native on both sides: no byte passes through JavaScript.
  const { readable, writable } = new IdentityTransformStream();
  response.body.pipeTo(writable).then(
    () => call.end(response.status),
    () => call.end(call.request.signal.aborted ? GONE : 502),
  );
  return new Response(readable, response);
}
