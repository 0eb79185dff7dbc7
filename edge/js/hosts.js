// What is done beside a request's own way to find its host: the list of those that registered themselves is kept
// fresh, and a host of which nothing was heard is asked before an upload goes to it, for a body that streams can't
// be sent again. Which host it is Rust decides (edge/src/hosts.rs).
import { asked, chosen, elsewhere, hostsListed } from "./index.js";
import { GONE, NOBODY } from "./forward.js";

/** How old the list may become, in milliseconds, and how long it is waited for where no host is known. */
const LIST_MS = 2_000;
const LIST_WAIT_MS = 3_000;
/** How long a host may take to say that it is there, in milliseconds; how many are asked. */
const ASK_MS = 2_000;
const MOST_ASKED = 4;

// What became of asking; the numbers are those of edge/src/hosts.rs.
const GO = 0;
const ASK_ANOTHER = 1;

/** By which every host says how full it is. */
export const LOAD = "x-inference-load";

let listedAt = 0;

/** Has the list read again behind a request, if it is time. */
export function keepListed(call) {
  if (call.outgoing.hostsRegister && Date.now() - listedAt >= LIST_MS) call.ctx.waitUntil(list(call));
}

/** Reads the list. Without it the hosts that are known go on. */
async function list(call) {
  listedAt = Date.now();
  try {
    const hosts = await call.env.FLEET.getByName("fleet").list();
    hostsListed(call, JSON.stringify(hosts), Date.now());
  } catch (error) {
    console.error(JSON.stringify({ level: "warn", msg: "hosts not listed", cause: String(error) }));
  }
}

/** Makes sure of the host of a request for which Rust could not. `null`: it is found; else why there is none. */
export async function findHost(call) {
  const { outgoing } = call;
  if (outgoing.url === "") {
    // The first request of an isolate that knows no host; a list that does not come must not hold it.
    const late = new Promise((done) => setTimeout(done, LIST_WAIT_MS));
    await Promise.race([list(call), late]);
    if (!chosen(call, Date.now())) return NOBODY;
  }
  for (let asks = 0; outgoing.ask; asks++) {
    if (asks === MOST_ASKED) return NOBODY;
    const load = await ask(call);
    if (call.request.signal.aborted) return GONE;
    outgoing.tried.push(outgoing.host);
    const next = asked(call, outgoing.host, load, new Uint32Array(outgoing.tried), Date.now());
    if (next === GO) break;
    if (next !== ASK_ANOTHER) return NOBODY;
  }
  return null;
}

/** Whether the host is there: what it says of its load, `undefined` if it does not answer. */
async function ask({ id, outgoing, request }) {
  const both = new AbortController();
  const leave = () => both.abort();
  request.signal.addEventListener("abort", leave);
  const deadline = setTimeout(leave, ASK_MS);
  try {
    const answer = await fetch(`${outgoing.url.slice(0, -outgoing.target.length)}/v1/load`, {
      headers: { "x-edge-request-id": id },
      redirect: "manual",
      signal: both.signal,
    });
    answer.body?.cancel().catch(() => {});
    const known = answer.headers.get("x-request-id") === id && answer.status === 200;
    return known ? (answer.headers.get(LOAD) ?? "") : undefined;
  } catch {
    return undefined;
  } finally {
    clearTimeout(deadline);
    request.signal.removeEventListener("abort", leave);
  }
}

/** Whether there is another host for a request that can be sent again; it is set on `call.outgoing`. */
export function another(call, outcome) {
  const { outgoing } = call;
  if (outgoing.target === "" || outgoing.tried.length > 0) return false;
  outgoing.tried.push(outgoing.host);
  const load = call.upstream?.headers.get(LOAD) ?? "";
  return elsewhere(call, outgoing.host, outcome, load, new Uint32Array(outgoing.tried), Date.now());
}
