// The Worker's entry: what workerd calls. JavaScript waits, Rust decides: every step between two waits is
// one synchronous call into wasm (edge/src/steps.rs). So nothing of a request lives in wasm memory while it
// waits, and one whose caller leaves, whose promises then never settle, leaves nothing behind there.
import { admitted, failed, forwarded, lookedUp, removeExpired, start, writePending } from "./index.js";
import { jobEvents } from "./events.js";
import { exported } from "./export.js";
import { forward } from "./forward.js";
import { findHost, keepListed, LOAD } from "./hosts.js";
import { bury, consume } from "./job_queue.js";
import { fetchText, postJson, verified } from "./oidc.js";
import { connect } from "./realtime.js";
import { endOf, settle } from "./settle.js";
import { endsOf } from "./ends.js";
import { storeForm, uploadPart } from "./uploads.js";

export { Directory } from "./directory.js";
export { Fleet } from "./fleet.js";
export { Jobs } from "./jobs.js";
export { Limiter } from "./limiter.js";
export { Portal } from "./portal.js";
export { Webhooks } from "./webhooks.js";

const INTERNAL =
  '{"error":{"message":"Something failed here.","type":"server_error","param":null,"code":"internal_error"}}';

// What a step may ask for; the numbers are those of `Step` in edge/src/steps.rs.
const LOOK_UP = 1;
const ADMIT = 2;
const CONFIGURE = 3;
const FORWARD = 4;
const LOOK_UP_PLAN = 5;
const CONNECT = 6;

/** How the name of the queue ends that takes what can't be delivered (wrangler.toml). */
const DEAD = "-dead";

/** Oldest copy of a key's record that a location may answer from, in seconds: KV's least. */
const CACHE_TTL = 30;

/** When the database is told what it could not take (wrangler.toml). */
const EVERY_MINUTE = "* * * * *";

/** A request on its way. The Rust side fills it through glue.js. */
class Call {
  route = "";
  /** Name of what is to be read from KV; the key's id, its record's text, its hash. */
  entry = "";
  keyId = "";
  record = "";
  hash = "";
  /** What the limiter is told: weight, generation of the secret, refusals from memory, and their kind. */
  cost = 1;
  generation = 1;
  refused = 0;
  refusal = 0;
  /** Requests let in by permits since the limiter was asked last, and permits that are wanted ahead. */
  used = 0;
  ahead = 0;
  /** By which memory knows this request again. */
  ticket = 0;
  /** When the permit was charged that lets this request in. */
  permitAt = 0;
  /** For a request with audio: how long its lease lasts. Whether it was admitted. */
  leaseMs = 0;
  leased = false;
  /** A web origin that may read the answer. */
  origin = "";
  /** The limiter's packed answer. */
  packed = "";
  configured = false;
  /** What goes to a host, and what came back. */
  outgoing = null;
  upstream = null;
  /** For a realtime session: the caller's end of it, and the subprotocol that he asked for. */
  session = null;
  subprotocol = "";
  /** Audio that a host says it has heard, while its answer streams. */
  heardMs = 0;
  code = "";
  cause = "";
  /** Whether a body was given up before its end (glue.js, readBody). */
  tooLong = false;

  constructor(request, env, ctx) {
    this.request = request;
    this.env = env;
    this.ctx = ctx;
    this.id = crypto.randomUUID();
    this.start = Date.now();
    this.parts = parts(this);
  }

  // What glue.js asks for, which can import nothing.

  /** All transcripts of an account. */
  exported(page, account, now, folder) {
    return exported(this.env, page, account, now, folder);
  }

  uploadPart(account, id, number, length) {
    return uploadPart(this, account, id, number, length);
  }

  storeForm(account, id, items, once) {
    return storeForm(this, account, id, items, once);
  }

  fetchText(url, form) {
    return fetchText(url, form);
  }

  postJson(url, json) {
    return postJson(url, json);
  }

  verifiedToken(token, keys) {
    return verified(token, keys);
  }

  jobEvents(account, id, view) {
    return jobEvents(this.env, account, id, view);
  }
}

/** The parts of a request that are decided on, one a line: no header can hold a line break. */
function parts({ id, request }) {
  const h = request.headers;
  const head = `${id}\n${request.method}\n${request.url}\n${h.get("authorization") ?? ""}\n${h.get("x-api-key") ?? ""}`;
  return request.body === null
    ? head
    : `${head}\n${h.get("content-type") ?? ""}\n${h.get("content-length") ?? ""}\n${h.get("x-store") ?? ""}\n${h.get("idempotency-key") ?? ""}\n${h.get("prefer") ?? ""}`;
}

/** How long a refusal waits for the rest of an upload that nobody will read. */
const DRAIN_MS = 10_000;

/**
 * Reads on and throws away. The runtime closes a connection whose request was not read to its end, and the
 * reset overtakes the answer: the caller would see a broken connection instead of his 401 or 413.
 */
async function drain({ request, tooLong }) {
  if (request.bodyUsed && !tooLong) return;
  const nowhere = new WritableStream();
  await request.body.pipeTo(nowhere, { signal: AbortSignal.timeout(DRAIN_MS) }).catch(() => {});
}

const ADMITTED = "A".charCodeAt(0);

/** From now on the end is heard of, even when the caller leaves and nobody waits for the answer. */
function begin(call) {
  call.leased = true;
  call.ctx.waitUntil(endOf(call));
}

/** Asks the key's object. The lease of a request with audio begins with its yes. */
async function admit(call) {
  const { cost, generation, refused, refusal, used, ahead, leaseMs } = call;
  const object = call.env.LIMITER.getByName(call.keyId);
  const ends = endsOf(call.keyId);
  const ended = ends.lines;
  if (leaseMs === 0 && ended === "") return object.admit(cost, generation, refused, refusal, used, ahead, "");
  try {
    const packed = await (leaseMs === 0
      ? object.admit(cost, generation, refused, refusal, used, ahead, ended)
      : object.admitUpload(cost, generation, refused, refusal, used, ahead, ended, call.id, leaseMs));
    ends.told();
    if (leaseMs > 0 && packed.charCodeAt(0) === ADMITTED) begin(call);
    return packed;
  } catch (error) {
    ends.giveBack();
    throw error;
  }
}

/** Whether no host is known yet, or the one that was chosen is to be asked first. */
const isUnsure = ({ outgoing }) => outgoing.ask || outgoing.url === "";

/** Runs a request to its response. */
async function drive(call) {
  let next = start(call, call.parts, call.start);
  // A number asks for something; everything else is the response, or the promise of one.
  while (typeof next === "number") {
    let came;
    try {
      switch (next) {
        case LOOK_UP:
          came = await call.env.KEYS.get(call.entry, { cacheTtl: CACHE_TTL });
          break;
        case LOOK_UP_PLAN:
          came = await call.env.KEYS.get(call.entry, { cacheTtl: CACHE_TTL });
          break;
        case CONFIGURE:
          await call.env.LIMITER.getByName(call.keyId).adopt(call.record, call.hash);
          call.configured = true;
        // Asked again, now that it has limits.
        // falls through
        case ADMIT:
          call.packed = await admit(call);
          came = call.packed.charCodeAt(0);
          break;
        case FORWARD:
          if (!call.leased) begin(call);
          keepListed(call);
          came = (isUnsure(call) ? await findHost(call) : null) ?? (await forward(call));
          break;
        case CONNECT:
          if (!call.leased) begin(call);
          keepListed(call);
          came = (isUnsure(call) ? await findHost(call) : null) ?? (await connect(call));
          break;
      }
    } catch (error) {
      next = failed(call, next, String(error));
      continue;
    }
    switch (next) {
      case LOOK_UP:
        next = lookedUp(call, came ?? undefined, undefined, Date.now());
        break;
      case LOOK_UP_PLAN:
        next = lookedUp(call, call.record, came ?? "", Date.now());
        break;
      case FORWARD:
      case CONNECT:
        next = forwarded(call, came, call.outgoing.host, call.upstream?.headers.get(LOAD) ?? "", Date.now());
        break;
      default:
        next = admitted(call, call.ticket, came, call.configured, Date.now());
    }
  }
  return next;
}

export default {
  async fetch(request, env, ctx) {
    const call = new Call(request, env, ctx);
    try {
      const response = settle(call, await drive(call));
      if (request.body !== null) await drain(call);
      return response;
    } catch (error) {
      call.end?.(500);
      // A panic (panic=unwind): this request ends here, every other goes on.
      console.error(JSON.stringify({ level: "error", msg: "panic", request_id: call.id, cause: String(error) }));
      return new Response(INTERNAL, {
        status: 500,
        headers: { "content-type": "application/json", "x-request-id": call.id },
      });
    }
  },

  /** Messages about jobs, and those that failed again and again. */
  async queue(batch, env, ctx) {
    if (batch.queue.endsWith(DEAD)) await bury(batch);
    else await consume(batch, env, ctx, (request) => new Call(request, env, ctx));
  },

  /** What the clock brings about, without a request: each of the crons of wrangler.toml. */
  async scheduled({ cron }, env) {
    if (cron === EVERY_MINUTE) {
      const told = await writePending({ env });
      if (told !== undefined) console.log(JSON.stringify({ level: "info", msg: "written late", ...JSON.parse(told) }));
      return;
    }
    const removed = await removeExpired({ env });
    console.log(JSON.stringify({ level: "info", msg: "expired", removed }));
  },
};

