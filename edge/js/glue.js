// What the Rust side asks of the runtime, each in one crossing. `call` is the request on its way (entry.js);
// objects of the runtime stay on this side, Rust gets numbers and short strings.

/** Handed over once by Rust: names of the limit headers, and of those that pass in either direction. */
let limitNames = [];
let toUpstream = [];
let toCaller = [];
let logAll = true;
let hostsRegister = false;

export function setUp(limits, upstream, caller, all, register) {
  limitNames = limits.split("\n");
  toUpstream = upstream.split("\n");
  toCaller = caller.split("\n");
  logAll = all;
  hostsRegister = register;
}

/** All settings: the variables and secrets, which are strings, as JSON. Bindings are objects. */
export function settings(call) {
  return JSON.stringify(
    Object.fromEntries(Object.entries(call.env).filter(([, value]) => typeof value === "string")),
  );
}

export function setRoute(call, route) {
  call.route = route;
}

/** The next step: read this entry of KV. */
export function lookUp(call, entry) {
  call.entry = entry;
}

/** The next step: read a plan; the record waits for it here. */
export function lookUpPlan(call, entry, record) {
  call.entry = entry;
  call.record = record;
}

/**
 * The next step: ask this key's object. The record stays with the call, should memory forget it.
 * `leaseMs` is 0 for a request without audio. `ticket`: by which the request is known again.
 */
export function setKey(call, keyId, record, cost, generation, leaseMs, ticket) {
  call.keyId = keyId;
  call.record = record;
  call.cost = cost;
  call.generation = generation;
  call.leaseMs = leaseMs;
  call.ticket = ticket;
}

/** What the isolate decided by itself since the limiter was asked last, and the permits it wants ahead. */
export function setNews(call, refused, refusal, used, ahead) {
  call.refused = refused;
  call.refusal = refusal;
  call.used = used;
  call.ahead = ahead;
}

/** A permit lets the request in: the limiter is not asked. */
export function setPermit(call, at) {
  call.permitAt = at;
}

export function setHash(call, hash) {
  call.hash = hash;
}

export function setOrigin(call, origin) {
  call.origin = origin;
}

/** A header of the request that is seldom looked at; empty where it is not there. */
export function header(call, name) {
  return call.request.headers.get(name) ?? "";
}

/** The next step: send this to a host. `url` is empty where none is known. */
export function setOutgoing(call, url, claims, signature, timeoutMs, host) {
  call.outgoing = {
    url,
    claims,
    signature,
    timeoutMs,
    host,
    passing: toUpstream,
    // What only matters where there are several hosts (hosts.js).
    hostsRegister,
    kept: false,
    target: "",
    wanted: "",
    ask: false,
    tried: [],
  };
}

/**
 * What must be known of a request that may go to another host: path and query, models it wants, and whether the
 * host that was chosen is to be asked first.
 */
export function setAlternatives(call, target, wanted, ask) {
  call.outgoing.target = target;
  call.outgoing.wanted = wanted;
  call.outgoing.ask = ask;
}

/** What it makes is kept: it goes on for a while where its caller leaves. */
export function setKept(call) {
  call.outgoing.kept = true;
}

/** Another host for the same request. */
export function setHost(call, host, origin, ask) {
  call.outgoing.host = host;
  call.outgoing.url = origin + call.outgoing.target;
  call.outgoing.ask = ask;
}

/** A host's statement of itself: signature and claims, a line each. */
export function statement(call) {
  const { headers } = call.request;
  return `${headers.get("x-edge-signature") ?? ""}\n${headers.get("x-edge-claims") ?? ""}`;
}

export function setPacked(call, packed) {
  call.packed = packed;
}

/** Asks an object: `binding` is LIMITER, DIRECTORY, FLEET or WEBHOOKS, `args` a JSON array. A promise of a JSON text. */
export async function ask(call, binding, name, method, args) {
  const answer = await call.env[binding].getByName(name)[method](...JSON.parse(args));
  return typeof answer === "string" ? answer : JSON.stringify(answer ?? null);
}

/** Asks the database: rows, or what a batch changed, as a JSON text. `statements`: `[[sql, ...values], ...]`. */
export async function query(call, statements) {
  const prepared = JSON.parse(statements).map(([sql, ...values]) => call.env.DB.prepare(sql).bind(...values));
  const results = await call.env.DB.batch(prepared);
  return JSON.stringify(results.map(({ results: rows, meta }) => ({ rows, changes: meta.changes })));
}

/** What stands in the bucket under a name: a text, or null. */
export async function bucketGet(call, name) {
  const object = await call.env.BUCKET.get(name);
  return object === null ? null : object.text();
}

export async function bucketPut(call, name, text) {
  await call.env.BUCKET.put(name, text);
}

/** Deletes what stands under these names, one a line. */
export async function bucketDelete(call, names) {
  await call.env.BUCKET.delete(names.split("\n"));
}

/** Names of up to so many that begin so, in their order. */
export async function bucketNames(call, prefix, limit) {
  const { objects } = await call.env.BUCKET.list({ prefix, limit });
  return objects.map(({ key }) => key);
}

/** Deletes all whose names begin so. */
export async function bucketEmpty(call, prefix) {
  for (;;) {
    const { objects } = await call.env.BUCKET.list({ prefix });
    if (objects.length === 0) return;
    await call.env.BUCKET.delete(objects.map(({ key }) => key));
  }
}

/** The answer that streams all transcripts of an account (export.js). */
export function exportAll(call, page, account, now, folder) {
  const body = call.exported(page, account, now, folder);
  return respond(call, 200, body, "application/x-ndjson", 'content-disposition: attachment; filename="transcripts.ndjson"', "", "");
}

/** Brings a part of an upload to the bucket (uploads.js). */
export function uploadPart(call, account, id, number, length) {
  return call.uploadPart(account, id, number, length);
}

/** Keeps a form and makes its job (uploads.js). */
export function storeForm(call, account, id, items, once) {
  return call.storeForm(account, id, items, once);
}

/** The answer that streams the course of a job (events.js). */
export function jobEvents(call, account, id, view) {
  return respond(call, 200, call.jobEvents(account, id, view), "text/event-stream", "cache-control: no-store", "", "");
}

/** Asks an OpenID provider (oidc.js): by GET, or with a form. */
export function fetchText(call, url, form) {
  return call.fetchText(url, form);
}

/** Asks somebody by a question in JSON (oidc.js). */
export function postJson(call, url, json) {
  return call.postJson(url, json);
}

/** The claims of a token that one of these keys verifies (oidc.js). */
export function verifiedToken(call, token, keys) {
  return call.verifiedToken(token, keys);
}

function setLimits(call, headers) {
  if (call.packed.length > 1) {
    // Code, wait, name and unit of the limit come before the values.
    const fields = call.packed.split("\n");
    for (let i = 0; i < limitNames.length; i++) {
      const value = fields[i + 4];
      if (value !== "" && value !== undefined) headers[limitNames[i]] = value;
    }
  }
  if (call.origin !== "") {
    headers["access-control-allow-origin"] = call.origin;
    headers["access-control-expose-headers"] = "*";
    headers.vary = "origin";
  }
}

/** The promise of an answer with one of the files beside the pages. */
export async function page(call, path, contentType, extra) {
  const file = await call.env.ASSETS.fetch(new URL(path, call.request.url));
  if (!file.ok) throw new Error(`${path} is not among the pages: ${file.status}`);
  return respond(call, 200, file.body, contentType, extra, "", "");
}

/**
 * The promise of an answer with `length` bytes, from the one at `first` on, of what stands in the bucket; of null where
 * nothing does.
 */
export async function stored(call, name, status, contentType, extra, first, length) {
  const object = await call.env.BUCKET.get(name, status === 206 ? { range: { offset: first, length } } : undefined);
  return object === null ? null : respond(call, status, object.body, contentType, extra, "", "");
}

/** An answer made here; `extra` is `name: value` lines, `code` and `cause` are for the log. */
export function respond(call, status, body, contentType, extra, code, cause) {
  const headers = { "x-request-id": call.id };
  if (contentType !== "") headers["content-type"] = contentType;
  setLimits(call, headers);
  if (extra !== "") {
    for (const line of extra.split("\n")) {
      const at = line.indexOf(": ");
      headers[line.slice(0, at)] = line.slice(at + 2);
    }
  }
  const ms = Date.now() - call.start;
  headers["server-timing"] = `edge;dur=${ms}`;
  log(call, ms, status, code, cause);
  return new Response(body === "" ? null : body, { status, headers });
}

/** Lets go of an answer that is the edge's own fault and will not be passed on. */
export function dropUpstream(call) {
  call.cause = `status ${call.upstream.status}`;
  call.upstream.body?.cancel().catch(() => {});
}

const TIMINGS = [
  ["queue", "x-queue-ms"],
  ["decode", "x-decode-ms"],
  ["inference", "x-inference-ms"],
];

/** The host's answer, streamed on: its body as it is, of its headers those that may pass. */
export function relay(call) {
  const { status, headers: from, body } = call.upstream;
  const headers = { "x-request-id": call.id };
  for (const name of toCaller) {
    const value = from.get(name);
    if (value !== null) headers[name] = value;
  }
  setLimits(call, headers);
  const took = Date.now() - call.start;
  let timing = `edge;dur=${took}`;
  for (const [name, header] of TIMINGS) {
    const ms = from.get(header);
    if (ms !== null) timing += `, ${name};dur=${ms}`;
  }
  headers["server-timing"] = timing;
  log(call, took, status, "", "");
  return new Response(body, { status, headers });
}

/** The answer that begins a session: the caller's end of it is on the call. */
export function upgrade(call) {
  const headers = { "x-request-id": call.id };
  if (call.subprotocol !== "") headers["sec-websocket-protocol"] = call.subprotocol;
  setLimits(call, headers);
  log(call, Date.now() - call.start, 101, "", "");
  return new Response(null, { status: 101, headers, webSocket: call.session });
}

/** The body of a request, or null when it is longer than `most` bytes: the rest is left for `drain`. */
export async function readBody(call, most) {
  if (call.request.body === null) return new Uint8Array();
  const chunks = [];
  let length = 0;
  for await (const chunk of call.request.body.values({ preventCancel: true })) {
    length += chunk.length;
    if (length > most) break;
    chunks.push(chunk);
  }
  call.tooLong = length > most;
  if (call.tooLong) return null;
  const body = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    body.set(chunk, at);
    at += chunk.length;
  }
  return body;
}

/**
 * One structured line a request. What it holds is what is listed here: ids, codes, causes; never a key, a
 * secret, a body or a header of the caller.
 */
function log(call, ms, status, code, cause) {
  call.env.ANALYTICS?.writeDataPoint({
    indexes: [call.keyId],
    blobs: [call.route, String(status), code],
    doubles: [ms, Number(call.upstream?.headers.get("x-audio-seconds") ?? 0)],
  });
  if (!logAll && code === "") return;
  const line = {
    level: status >= 500 ? "error" : "info",
    msg: "request",
    route: call.route,
    request_id: call.id,
    status,
    ms,
  };
  if (call.keyId !== "") line.key_id = call.keyId;
  if (code !== "") line.code = code;
  if (cause !== "" || call.cause !== "") line.cause = cause || call.cause;
  console.log(JSON.stringify(line));
}
