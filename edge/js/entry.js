// The Worker's entry: what workerd calls. It decides nothing; it takes a request apart once, because
// each crossing between JavaScript and wasm costs more than the work behind it.
import { DurableObject } from "cloudflare:workers";
import { handle, LimiterObject } from "./index.js";

const INTERNAL =
  '{"error":{"message":"Something failed here.","type":"server_error","param":null,"code":"internal_error"}}';

/** A request on its way; the glue reads and fills it. See glue.js. */
function open(request, env, ctx) {
  return { request, env, ctx, id: crypto.randomUUID(), start: Date.now(), packed: "", upstream: null };
}

/** The parts of a request that are decided on, one a line: no header can hold a line break. */
function parts({ id, request }) {
  const h = request.headers;
  const head = `${id}\n${request.method}\n${request.url}\n${h.get("authorization") ?? ""}\n${h.get("x-api-key") ?? ""}`;
  return request.body === null
    ? head
    : `${head}\n${h.get("content-type") ?? ""}\n${h.get("content-length") ?? ""}`;
}

export default {
  async fetch(request, env, ctx) {
    const call = open(request, env, ctx);
    try {
      return await handle(call, parts(call), call.start);
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
