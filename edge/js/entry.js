// The Worker's entry: what workerd calls. JavaScript waits, Rust decides: every step between two waits is
// one synchronous call into wasm (edge/src/steps.rs). So nothing of a request lives in wasm memory while it
// waits, and one whose caller leaves, whose promises then never settle, leaves nothing behind there.
import { DurableObject } from "cloudflare:workers";
import { admitted, failed, forwarded, LimiterObject, lookedUp, start } from "./index.js";
import { forward } from "./forward.js";

const INTERNAL =
  '{"error":{"message":"Something failed here.","type":"server_error","param":null,"code":"internal_error"}}';

// What a step may ask for; the numbers are those of `Step` in edge/src/steps.rs.
const LOOK_UP = 1;
const ADMIT = 2;
const CONFIGURE = 3;
const FORWARD = 4;

/** Oldest copy of a key's record that a location may answer from, in seconds: KV's least. */
const CACHE_TTL = 30;

/** A request on its way. The Rust side fills it through glue.js. */
class Call {
  route = "";
  /** Name of the key's record in KV, its id, the record's text. */
  entry = "";
  keyId = "";
  record = "";
  /** The limiter's packed answer. */
  packed = "";
  configured = false;
  /** What goes to a host, and what came back. */
  outgoing = null;
  upstream = null;
  code = "";
  cause = "";

  constructor(request, env) {
    this.request = request;
    this.env = env;
    this.id = crypto.randomUUID();
    this.start = Date.now();
  }
}

/** The parts of a request that are decided on, one a line: no header can hold a line break. */
function parts({ id, request }) {
  const h = request.headers;
  const head = `${id}\n${request.method}\n${request.url}\n${h.get("authorization") ?? ""}\n${h.get("x-api-key") ?? ""}`;
  return request.body === null
    ? head
    : `${head}\n${h.get("content-type") ?? ""}\n${h.get("content-length") ?? ""}`;
}

/** How long a refusal waits for the rest of an upload that nobody will read. */
const DRAIN_MS = 10_000;

/**
 * Reads on and throws away. The runtime closes a connection whose request was not read to its end, and the
 * reset overtakes the answer: the caller would see a broken connection instead of his 401.
 */
async function drain(request) {
  if (request.body === null || request.bodyUsed) return;
  const nowhere = new WritableStream();
  await request.body.pipeTo(nowhere, { signal: AbortSignal.timeout(DRAIN_MS) }).catch(() => {});
}

/** Runs a request to its response. */
async function drive(call) {
  const decidedOn = parts(call);
  let next = start(call, decidedOn, call.start);
  // A number asks for something; everything else is the response, or the promise of one.
  while (typeof next === "number") {
    let came;
    try {
      switch (next) {
        case LOOK_UP:
          came = await call.env.KEYS.get(call.entry, { cacheTtl: CACHE_TTL });
          break;
        case CONFIGURE:
          await call.env.LIMITER.getByName(call.keyId).configure(JSON.stringify(JSON.parse(call.record).limits));
          call.configured = true;
        // Asked again, now that it has limits.
        // falls through
        case ADMIT:
          call.packed = await call.env.LIMITER.getByName(call.keyId).admit(1);
          came = call.packed.charCodeAt(0);
          break;
        case FORWARD:
          came = await forward(call);
          break;
      }
    } catch (error) {
      next = failed(call, next, String(error));
      continue;
    }
    switch (next) {
      case LOOK_UP:
        next = lookedUp(call, decidedOn, came ?? undefined, Date.now());
        break;
      case FORWARD:
        next = forwarded(call, came, call.outgoing.host, Date.now());
        break;
      default:
        next = admitted(call, decidedOn, came, call.configured, Date.now());
    }
  }
  return next;
}

export default {
  async fetch(request, env) {
    const call = new Call(request, env);
    try {
      const response = await drive(call);
      await drain(request);
      return response;
    } catch (error) {
      // A panic (panic=unwind): this request ends here, every other goes on.
      console.error(JSON.stringify({ level: "error", msg: "panic", request_id: call.id, cause: String(error) }));
      return new Response(INTERNAL, {
        status: 500,
        headers: { "content-type": "application/json", "x-request-id": call.id },
      });
    }
  },
};

/**
 * A key's limiter: the authority for its limits and its revocation. The rules are in Rust; this class
 * exists because workerd hands remote calls only to what extends its DurableObject.
 *
 * Atomicity: every method below is synchronous from reading the state to writing it. Nothing else runs
 * in between, and the output gate holds the answer back until the write is on disk.
 */
export class Limiter extends DurableObject {
  #object = null;

  /** Runs one step on the state; after a failure the state is read from storage again. */
  #step(act) {
    try {
      this.#object ??= new LimiterObject(this.ctx.storage.sql);
      return act(this.#object);
    } catch (error) {
      this.#object = null;
      throw error;
    }
  }

  admit(cost) {
    return this.#step((object) => object.admit(Date.now(), cost));
  }

  configure(limits) {
    return this.#step((object) => object.configure(limits));
  }

  revoke() {
    return this.#step((object) => object.revoke(Date.now()));
  }
}
