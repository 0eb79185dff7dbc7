// A realtime session: a WebSocket with the caller, one with a host, and every message passed on as it comes.
// Of what the host says only the ends of utterances are looked at: what they were accounted for is charged.
import { FAILED, GONE, STRANGER, TIMED_OUT, UPGRADED } from "./forward.js";
import { another } from "./hosts.js";

/** How long a host may take to answer, in milliseconds. */
const HANDSHAKE_MS = 15_000;
/** How much longer than the host a session is held here, in milliseconds: the host ends it in its time. */
const MARGIN_MS = 5_000;
/** The subprotocol that OpenAI's clients offer beside one that is a key. */
const SUBPROTOCOL = "realtime";
/** The type of the event that ends an utterance. */
const COMPLETED = "conversation.item.input_audio_transcription.completed";

// Close codes (RFC 6455, 7.4.1).
const NORMAL = 1000;
const GOING_AWAY = 1001;
const NO_CODE = 1005;
const ABNORMAL = 1006;
const SERVER_ERROR = 1011;

/** Statuses and outcomes after which another host may be asked for the session: nothing has begun. */
const UNSERVED = [FAILED, TIMED_OUT, STRANGER, 503];

/** Opens a session, with another host if the first can't serve it. The caller's end of it stays on `call.session`. */
export async function connect(call) {
  const outcome = await open(call);
  if (UNSERVED.includes(outcome) && another(call, outcome)) {
    call.upstream?.body?.cancel().catch(() => {});
    call.upstream = null;
    call.cause = "";
    return open(call);
  }
  return outcome;
}

/** Asks the host that `call.outgoing` names for a session. */
async function open(call) {
  const { url, claims, signature, timeoutMs } = call.outgoing;
  const headers = {
    upgrade: "websocket",
    "x-edge-request-id": call.id,
    "x-edge-claims": claims,
    "x-edge-signature": signature,
  };
  const trace = call.request.headers.get("traceparent");
  if (trace !== null) headers.traceparent = trace;
  const both = new AbortController();
  const { signal } = call.request;
  const leave = () => both.abort();
  signal.addEventListener("abort", leave);
  let late = false;
  const deadline = setTimeout(() => {
    late = true;
    both.abort();
  }, HANDSHAKE_MS);
  try {
    call.upstream = await fetch(url, { headers, redirect: "manual", signal: both.signal });
  } catch (error) {
    call.cause = String(error);
    if (signal.aborted) return GONE;
    return late ? TIMED_OUT : FAILED;
  } finally {
    clearTimeout(deadline);
    signal.removeEventListener("abort", leave);
  }
  const { status, webSocket } = call.upstream;
  const known = call.upstream.headers.get("x-request-id") === call.id;
  if (known && webSocket !== null) {
    const offered = (call.request.headers.get("sec-websocket-protocol") ?? "").split(",");
    if (offered.some((name) => name.trim() === SUBPROTOCOL)) call.subprotocol = SUBPROTOCOL;
    call.session = relay(call, webSocket, timeoutMs + MARGIN_MS);
    return UPGRADED;
  }
  if (known && status >= 400) return status;
  // Not the service: a proxy's page, another program on its port.
  call.cause = `status ${status} without a session`;
  webSocket?.accept();
  webSocket?.close(NORMAL);
  call.upstream.body?.cancel().catch(() => {});
  return STRANGER;
}

/** Passes messages on in both directions until either side ends, then ends the other. Gives the caller's end. */
function relay(call, host, mostMs) {
  const [session, caller] = Object.values(new WebSocketPair());
  let over = false;
  // Only the first end counts: the other follows from it.
  const end = (status, other, code, reason) => {
    if (over) return;
    over = true;
    clearTimeout(deadline);
    close(other, code, reason);
    call.end(status);
  };
  const deadline = setTimeout(() => {
    close(host, GOING_AWAY, "");
    end(101, caller, GOING_AWAY, "the session's time is over");
  }, mostMs);
  for (const socket of [caller, host]) {
    socket.binaryType = "arraybuffer";
    socket.accept();
  }
  caller.addEventListener("message", ({ data }) => send(host, data));
  host.addEventListener("message", ({ data }) => {
    send(caller, data);
    note(call, data);
  });
  caller.addEventListener("close", ({ code, reason }) => end(101, host, code === ABNORMAL ? GOING_AWAY : code, reason));
  caller.addEventListener("error", () => end(101, host, GOING_AWAY, ""));
  // What broke off at the host is its fault. What it had heard by then is charged.
  const broken = () => end(502, caller, SERVER_ERROR, "the inference host failed");
  host.addEventListener("close", ({ code, reason }) => (code === ABNORMAL ? broken() : end(101, caller, code, reason)));
  host.addEventListener("error", broken);
  return session;
}

/** To a side that has just ended nothing can be sent; its end is heard of by itself. */
function send(socket, data) {
  try {
    socket.send(data);
  } catch {
    // As above.
  }
}

function close(socket, code, reason) {
  try {
    socket.close(code === NO_CODE ? NORMAL : code, reason);
  } catch {
    // Closed already.
  }
}

/** Adds what a completed utterance was accounted for. */
function note(call, data) {
  if (typeof data !== "string" || !data.includes(COMPLETED)) return;
  const { type, usage } = JSON.parse(data);
  const ms = Math.round(1000 * usage?.seconds);
  if (type === COMPLETED && ms > 0) call.heardMs += ms;
}
