// What goes out to a receiver of webhooks, and where its address leads. What may be sent where Rust decides
// (edge/src/webhook_rules.rs); names are asked of a resolver over HTTPS, for the runtime tells nobody what a name means.
import { arePublic, isName, urlRefusal, webhookSettings, webhookSignature } from "./index.js";

/** How long the resolver may take, in milliseconds, and how much it may say, in bytes. */
const RESOLVE_MS = 5_000;
const MOST_SAID = 64 * 1024;
const NO_SUCH_NAME = 3;
/** Types of records (RFC 1035, 3.2.2; RFC 3596, 2.1), by what they are asked for. */
const RECORDS = { A: 1, AAAA: 28 };

/** A text of at most so many bytes; what is longer is not read to its end. */
async function read(body, most) {
  const decoder = new TextDecoder();
  let [text, length] = ["", 0];
  for await (const chunk of body) {
    length += chunk.length;
    if (length > most) throw new Error("the resolver says too much");
    text += decoder.decode(chunk, { stream: true });
  }
  return text;
}

/** The addresses of one type that a name means. */
async function lookUp(resolver, name, type) {
  const answer = await fetch(`${resolver}?name=${encodeURIComponent(name)}&type=${type}`, {
    headers: { accept: "application/dns-json" },
    redirect: "manual",
    signal: AbortSignal.timeout(RESOLVE_MS),
  });
  if (answer.status !== 200) throw new Error(`the resolver answers ${answer.status}`);
  const { Status: status, Answer: records = [] } = JSON.parse(await read(answer.body, MOST_SAID));
  if (status !== 0 && status !== NO_SUCH_NAME) throw new Error(`the resolver says ${status}`);
  return records.filter((record) => record.type === RECORDS[type]).map(({ data }) => data);
}

/** An address in its canonical form, with which every disguise of a host falls: `http://0x7f.1` is `http://127.0.0.1`. */
function parsed(text) {
  try {
    return new URL(text);
  } catch {
    return null;
  }
}

/** Why nothing is asked of an address, as far as it tells itself; undefined where it may be asked. */
export function refusalOf(env, text) {
  const url = parsed(text);
  if (url === null) return "it is no URL";
  const port = url.port === "" ? undefined : Number(url.port);
  const hasCredentials = url.username !== "" || url.password !== "";
  return urlRefusal({ env }, url.protocol.slice(0, -1), url.hostname, port, hasCredentials);
}

export class Courier {
  #env;
  #resolver;
  #timeoutMs;

  constructor(env) {
    this.#env = env;
    const { resolver, timeoutMs } = JSON.parse(webhookSettings({ env }));
    this.#resolver = resolver;
    this.#timeoutMs = timeoutMs;
  }

  /**
   * Where an address leads: `url`, its canonical form; or, where nothing is sent there, `why` and the `error` that an
   * attempt notes. It throws where the resolver does not answer.
   */
  async look(text) {
    const why = refusalOf(this.#env, text);
    if (why !== undefined) return { error: "address_not_allowed", why };
    const url = new URL(text);
    if (isName(url.hostname)) {
      const types = Object.keys(RECORDS);
      const found = await Promise.all(types.map((type) => lookUp(this.#resolver, url.hostname, type)));
      const addresses = found.flat();
      if (addresses.length === 0) return { error: "unresolved", why: "its name has no address" };
      if (!arePublic(addresses.join(" "))) {
        return { error: "address_not_allowed", why: "it does not lead to the public internet" };
      }
    }
    url.hash = "";
    return { url: url.href };
  }

  /** One attempt, signed with each of `secrets`: `status`, 0 where there is no answer, and `error` that says why. */
  async send(text, secrets, id, body) {
    try {
      const { url, error } = await this.look(text);
      if (error !== undefined) return { status: 0, error, askedMs: NaN };
      return await this.#post(url, secrets, id, body);
    } catch {
      return { status: 0, error: "unresolved", askedMs: NaN };
    }
  }

  async #post(url, secrets, id, body) {
    const now = Date.now();
    const signal = AbortSignal.timeout(this.#timeoutMs);
    try {
      const answer = await fetch(url, {
        method: "POST",
        headers: {
          "content-type": "application/json",
          "user-agent": "whisper-edge",
          "webhook-id": id,
          "webhook-timestamp": String(Math.floor(now / 1000)),
          "webhook-signature": webhookSignature(secrets.join(" "), id, body, now),
        },
        body,
        redirect: "manual",
        signal,
      });
      // The status is the answer: of its body nothing is read.
      answer.body?.cancel().catch(() => {});
      return { status: answer.status, error: "", askedMs: pause(answer.headers.get("retry-after")) };
    } catch {
      return { status: 0, error: signal.aborted ? "timeout" : "unreachable", askedMs: NaN };
    }
  }
}

/** What a `Retry-After` asks for, in milliseconds (RFC 9110, 10.2.3): seconds, or a date. No number where there is none. */
function pause(asked) {
  if (asked === null) return NaN;
  return /^\d+$/.test(asked) ? 1000 * Number(asked) : Date.parse(asked) - Date.now();
}
