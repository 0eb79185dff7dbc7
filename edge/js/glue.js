// What the Rust side asks of the runtime, each in one crossing. `call` is the request on its way
// (entry.js); objects of the runtime stay on this side, Rust gets numbers and short strings.

/** Names of the five limit headers, handed over once by Rust: a packed answer has their values. */
let limitNames = [];
let toUpstream = [];
let toCaller = [];

export function setNames(limits, upstream, caller) {
  limitNames = limits.split("\n");
  toUpstream = upstream.split("\n");
  toCaller = caller.split("\n");
}

/** All settings: the variables and secrets, which are strings, as JSON. Bindings are objects. */
export function settings(call) {
  return JSON.stringify(
    Object.fromEntries(Object.entries(call.env).filter(([, value]) => typeof value === "string")),
  );
}

/** The one call to the key's object. The answer stays here; Rust gets its letter. */
export async function admit(call, keyId, cost) {
  call.packed = await call.env.LIMITER.getByName(keyId).admit(cost);
  return call.packed.charCodeAt(0);
}

export function configure(call, keyId, limits) {
  return call.env.LIMITER.getByName(keyId).configure(limits);
}

export function revoke(call, keyId) {
  return call.env.LIMITER.getByName(keyId).revoke();
}

export function packed(call) {
  return call.packed;
}

export function setPacked(call, packed) {
  call.packed = packed;
}

function limitHeaders(call, headers) {
  if (call.packed.length > 1) {
    // Code, wait and name of the limit come before the values.
    const fields = call.packed.split("\n");
    for (let i = 0; i < limitNames.length; i++) headers[limitNames[i]] = fields[i + 3];
  }
}

/** An answer made here. `extra` is `name: value` lines. */
export function respond(call, status, body, contentType, extra) {
  const headers = { "x-request-id": call.id };
  if (contentType !== "") headers["content-type"] = contentType;
  limitHeaders(call, headers);
  if (extra !== "") {
    for (const line of extra.split("\n")) {
      const at = line.indexOf(": ");
      headers[line.slice(0, at)] = line.slice(at + 2);
    }
  }
  headers["server-timing"] = `edge;dur=${Date.now() - call.start}`;
  return new Response(body === "" ? null : body, { status, headers });
}

/** What the outcome of `forward` was, beside an HTTP status. */
const FAILED = 0;
const TIMED_OUT = 1;
const STRANGER = 2;
const GONE = 3;

/**
 * Hands the request's body to the host as the stream it is: no byte of it is read here. The caller's
 * leaving cancels it, and so does the deadline.
 */
export async function forward(call, url, claims, signature, timeoutMs) {
  const headers = {
    "x-edge-request-id": call.id,
    "x-edge-claims": claims,
    "x-edge-signature": signature,
  };
  for (const name of toUpstream) {
    const value = call.request.headers.get(name);
    if (value !== null) headers[name] = value;
  }
  const deadline = AbortSignal.timeout(timeoutMs);
  try {
    call.upstream = await fetch(url, {
      method: call.request.method,
      headers,
      body: call.request.body,
      redirect: "manual",
      signal: AbortSignal.any([call.request.signal, deadline]),
    });
  } catch (error) {
    call.cause = String(error);
    if (call.request.signal.aborted) return GONE;
    return deadline.aborted ? TIMED_OUT : FAILED;
  }
  if (call.upstream.headers.get("x-request-id") !== call.id) {
    // Not the service: a proxy's page, another program on its port.
    call.cause = `status ${call.upstream.status} without this request's id`;
    abandon(call);
    return STRANGER;
  }
  return call.upstream.status;
}

/** Lets go of an answer that will not be passed on. */
function abandon(call) {
  call.upstream.body?.cancel().catch(() => {});
}

/** Why `forward` failed, for the log. */
export function cause(call) {
  return call.cause ?? "";
}

/** The refusal of a request that reached the host but is the edge's own fault. */
export function dropUpstream(call) {
  call.cause = `status ${call.upstream.status}`;
  abandon(call);
}

const TIMINGS = [
  ["queue", "x-queue-ms"],
  ["decode", "x-decode-ms"],
  ["inference", "x-inference-ms"],
];

/** The host's answer, streamed on: its body as it is, of its headers those that may pass. */
export function relay(call) {
  const from = call.upstream.headers;
  const headers = { "x-request-id": call.id };
  for (const name of toCaller) {
    const value = from.get(name);
    if (value !== null) headers[name] = value;
  }
  limitHeaders(call, headers);
  let timing = `edge;dur=${Date.now() - call.start}`;
  for (const [name, header] of TIMINGS) {
    const ms = from.get(header);
    if (ms !== null) timing += `, ${name};dur=${ms}`;
  }
  headers["server-timing"] = timing;
  return new Response(call.upstream.body, { status: call.upstream.status, headers });
}

/** The body of an administrator's request, or null when it is longer than `most` bytes. */
export async function readBody(call, most) {
  if (call.request.body === null) return new Uint8Array();
  const chunks = [];
  let length = 0;
  for await (const chunk of call.request.body) {
    length += chunk.length;
    if (length > most) return null;
    chunks.push(chunk);
  }
  const body = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    body.set(chunk, at);
    at += chunk.length;
  }
  return body;
}

/** One structured log line; `fields` is JSON without its last brace. */
export function log(call, status, fields) {
  console.log(`${fields},"request_id":"${call.id}","status":${status},"ms":${Date.now() - call.start}}`);
}
