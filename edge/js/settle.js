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
  const audioMs = call.heardMs || milliseconds(call.upstream?.headers.get("x-audio-seconds"));
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

const milliseconds = (seconds) => Math.round(1000 * Number(seconds ?? 0)) || 0;

const GONE = 499;

/** How a comment among the events begins that says how much audio was heard so far (inference/api/src/render.rs). */
const HEARD = ": x-audio-seconds ";
/** Longer than such a comment. */
const MOST_OF_LINE = 64;

/** Notes what an answer's events say was heard: of one that ends early that is charged. */
function listener(call) {
  const decoder = new TextDecoder();
  let begun = "";
  return (chunk) => {
    const lines = (begun + decoder.decode(chunk, { stream: true })).split("\n");
    // Of a line only its beginning matters, and it may be long.
    begun = lines.pop().slice(0, MOST_OF_LINE);
    for (const line of lines) {
      if (line.startsWith(HEARD)) call.heardMs = milliseconds(line.slice(HEARD.length)) || call.heardMs;
    }
  };
}

/** Hands an answer's events on as they are. */
function passing(listen) {
  return new TransformStream({
    transform(chunk, controller) {
      controller.enqueue(chunk);
      listen(chunk);
    },
  });
}

/** Reads an answer to its end where its caller has left but its transcript is kept. Its status. */
async function readOn(body, listen, status) {
  try {
    for await (const chunk of body) listen(chunk);
    return status;
  } catch {
    return GONE;
  }
}

/**
 * Says when a request has ended. An answer in one piece has ended when it is there; one that streams ends
 * with its last byte, or when its caller leaves.
 */
export function settle(call, response) {
  // A session ends later, and says so itself (realtime.js).
  if (!call.leased || call.session !== null) return response;
  const streams = response.body !== null && (response.headers.get("content-type") ?? "").startsWith("text/event-stream");
  if (!streams) {
    call.end(response.status);
    return response;
  }
  const listen = listener(call);
  const { readable, writable } = passing(listen);
  const { signal } = call.request;
  const { body, status } = response;
  const { kept } = call.outgoing;
  // What is cut off by the caller's leaving may look like an end.
  const ended = async (otherwise) => {
    if (!signal.aborted) call.end(otherwise);
    else call.end(kept ? await readOn(body, listen, status) : GONE);
  };
  body.pipeTo(writable, { preventCancel: kept }).then(() => ended(status), () => ended(502));
  return new Response(readable, response);
}
