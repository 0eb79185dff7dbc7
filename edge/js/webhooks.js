// The webhooks of one account: its endpoints, their secrets, and what they are told (outbox.js). One object an account,
// asked by edge/src/webhooks.rs, and told of events by whoever has some.
//
// Atomicity: what reads a table and then writes one does so without an await in between, so nothing else of this object
// runs meanwhile (one JavaScript thread), and what it writes is one transaction. What has to be waited for (a name that
// is looked up, a seal, an attempt) comes before, and whatever the writing depends on is read again after it. The output
// gate holds an answer back until the write before it is on disk: what was answered is durable.
import { DurableObject } from "cloudflare:workers";
import { Courier } from "./courier.js";
import { sealingKeys, webhookPayload, webhookVerdict } from "./index.js";
import { Outbox, TABLES as TABLES_OF_OUTBOX } from "./outbox.js";
import { Rows } from "./rows.js";
import { Sealing } from "./sealing.js";

const TABLES = `
  CREATE TABLE IF NOT EXISTS endpoint(
    n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, name TEXT, url TEXT NOT NULL, events TEXT NOT NULL,
    enabled INTEGER NOT NULL, created_at INTEGER NOT NULL);
  CREATE TABLE IF NOT EXISTS secret(
    n INTEGER PRIMARY KEY AUTOINCREMENT, endpoint TEXT NOT NULL, sealed BLOB NOT NULL, until INTEGER);
  CREATE TABLE IF NOT EXISTS said(
    mark TEXT PRIMARY KEY, request TEXT NOT NULL, answer BLOB NOT NULL, at INTEGER NOT NULL) WITHOUT ROWID;
  ${TABLES_OF_OUTBOX}`;
const NAMES = ["endpoint", "secret", "said", "event", "delivery", "attempt"];

/** The type of a test's event. */
const TEST = "webhook.test";
/** Secrets that sign for one endpoint. */
const MOST_SECRETS = 3;
/** For how long a request that comes again is answered alike, in milliseconds, and how many of them. */
const SAID_MS = 86_400_000;
const MOST_SAID = 1_000;

const MISSING = { not: "missing" };

export class Webhooks extends DurableObject {
  #rows = new Rows(this.ctx.storage, TABLES, "endpoint");
  #outbox = new Outbox(this.#rows, this.ctx.storage, {
    endpoints: () => this.#views("WHERE enabled=1"),
    send: (...delivery) => this.#send(...delivery),
    switchOff: (id) => this.#switchOff(id),
  });
  #tools = null;

  /** Made at the first use: wrong settings are no reason to lose what is stored. */
  #with() {
    this.#tools ??= { courier: new Courier(this.env), sealing: new Sealing(sealingKeys({ env: this.env })) };
    return this.#tools;
  }

  /** What a sealed text belongs to: this account, by its object's id, and something of it. */
  #of(what) {
    return `${this.ctx.id}\n${what}`;
  }

  #views(where, ...values) {
    const query = `SELECT n,id,'webhook' AS object,name,url,events,enabled,created_at FROM endpoint ${where}`;
    return this.#rows.read(query, ...values).map(({ events, enabled, ...rest }) => ({
      ...rest,
      events: JSON.parse(events),
      enabled: enabled !== 0,
    }));
  }

  #view(id) {
    return this.#views("WHERE id=?", id)[0];
  }

  all(before, limit) {
    return { done: this.#views("WHERE n<? ORDER BY n DESC LIMIT ?", before, limit) };
  }

  one(id) {
    const view = this.#view(id);
    return view === undefined ? MISSING : { done: view };
  }

  /** Makes an endpoint of what edge_core::webhooks::NewWebhook says. `repeat`: by which this request is known again. */
  async create({ id, url, events, name, created_at, secret }, most, repeat) {
    const before = await this.#saidBefore(repeat);
    if (before !== null) return before;
    const { url: canonical, why } = await this.#with().courier.look(url);
    if (why !== undefined) return { not: { url: why } };
    const sealed = await this.#with().sealing.seal(secret, this.#of(id));
    const answer = { id, object: "webhook", name, url: canonical, events, enabled: true, created_at, secret };
    const kept = await this.#sealedAnswer(repeat, answer);
    // From here on nothing is waited for: of two with the same mark the second finds what the first has said.
    if (this.#said(repeat) !== undefined) return this.#saidBefore(repeat);
    if (this.#views("").length >= most) return { not: "too_many" };
    const add = "INSERT INTO endpoint(id,name,url,events,enabled,created_at) VALUES(?,?,?,?,1,?)";
    this.#rows.add(add, id, name, canonical, JSON.stringify(events), created_at);
    this.#rows.add("INSERT INTO secret(endpoint,sealed) VALUES(?,?)", id, sealed);
    this.#keepSaid(repeat, kept);
    return { done: answer };
  }

  /** Changes what `patch` names (edge_core::webhooks::WebhookPatch). */
  async change(id, patch) {
    if (this.#view(id) === undefined) return MISSING;
    const { url, why } = patch.url === undefined ? {} : await this.#with().courier.look(patch.url);
    if (why !== undefined) return { not: { url: why } };
    const view = this.#view(id);
    if (view === undefined) return MISSING;
    const changed = { ...view, ...patch, ...(url !== undefined && { url }) };
    const update = "UPDATE endpoint SET name=?,url=?,events=?,enabled=? WHERE id=?";
    const { name, events, enabled } = changed;
    this.#rows.change(update, name, changed.url, JSON.stringify(events), Number(enabled), id);
    if (!enabled) this.#outbox.end(id);
    return { done: changed };
  }

  remove(id) {
    if (this.#view(id) === undefined) return MISSING;
    this.#rows.change("DELETE FROM secret WHERE endpoint=?", id);
    this.#rows.change("DELETE FROM endpoint WHERE id=?", id);
    this.#outbox.forget(id);
    return { done: null };
  }

  /** Another secret; those before sign along for `overlapMs` at most. */
  async rotate(id, secret, overlapMs, repeat) {
    const before = await this.#saidBefore(repeat);
    if (before !== null) return before;
    const view = this.#view(id);
    if (view === undefined) return MISSING;
    const sealed = await this.#with().sealing.seal(secret, this.#of(id));
    const answer = { ...view, secret };
    const kept = await this.#sealedAnswer(repeat, answer);
    // As above. The endpoint may have gone meanwhile.
    if (this.#said(repeat) !== undefined) return this.#saidBefore(repeat);
    if (this.#view(id) === undefined) return MISSING;
    const now = Date.now();
    this.#rows.change("UPDATE secret SET until=min(coalesce(until,?1),?1) WHERE endpoint=?2", now + overlapMs, id);
    this.#rows.add("INSERT INTO secret(endpoint,sealed) VALUES(?,?)", id, sealed);
    const newest = "SELECT n FROM secret WHERE endpoint=?1 ORDER BY n DESC LIMIT ?2";
    this.#rows.change(`DELETE FROM secret WHERE endpoint=?1 AND n NOT IN (${newest})`, id, MOST_SECRETS);
    this.#rows.change("DELETE FROM secret WHERE until<=?", now);
    this.#keepSaid(repeat, kept);
    return { done: answer };
  }

  /** One attempt, now, whatever the endpoint is told of otherwise. */
  async test(id, event, repeat) {
    const before = await this.#saidBefore(repeat);
    if (before !== null) return before;
    const endpoint = this.#view(id);
    if (endpoint === undefined) return MISSING;
    const body = webhookPayload(TEST, JSON.stringify({ webhook_id: id }), Date.now());
    const told = await this.#send(endpoint, event, body, 0);
    const { status, ms, error } = told.attempt;
    const answer = { delivered: told.verdict.state === "delivered", status, ms, error };
    const kept = await this.#sealedAnswer(repeat, answer);
    // As above.
    if (this.#said(repeat) !== undefined) return this.#saidBefore(repeat);
    if (this.#view(id) === undefined) return MISSING;
    this.#outbox.note(event, TEST, body, id, told);
    this.#keepSaid(repeat, kept);
    return { done: answer };
  }

  deliveries(id, before, limit) {
    return this.#view(id) === undefined ? MISSING : { done: this.#outbox.page(id, before, limit) };
  }

  /**
   * Takes an event on: it is on disk, with whom it is for, before this answers. The same id again changes nothing.
   * `data`: a plain object; `only`: the one endpoint that is told, or null.
   */
  event(id, type, data, only = null) {
    const wanted = this.#views("WHERE enabled=1").filter(
      (endpoint) => endpoint.events.includes(type) && (only === null || endpoint.id === only),
    );
    if (wanted.length === 0 || this.#outbox.knows(id)) return;
    const now = Date.now();
    this.#outbox.take(id, type, webhookPayload(type, JSON.stringify(data), now), wanted, now);
  }

  /** Forgets everything; how many rows that was. */
  async purge() {
    const counts = NAMES.map((name) => `(SELECT count(*) FROM ${name})`);
    const rows = this.#rows.read(`SELECT ${counts.join("+")} AS count`)[0]?.count ?? 0;
    await this.#rows.clear();
    return rows;
  }

  async alarm() {
    try {
      await this.#outbox.run();
      this.#rows.change("DELETE FROM said WHERE at<=?", Date.now() - SAID_MS);
      this.#rows.change("DELETE FROM secret WHERE until<=?", Date.now());
    } catch (error) {
      console.error(JSON.stringify({ level: "warn", msg: "webhooks not sent yet", cause: String(error) }));
    }
  }

  /** Sends an event to an endpoint. `made`: which attempt it is; 0: there is never another. */
  async #send(endpoint, event, body, made) {
    const at = Date.now();
    const secrets = await this.#secrets(endpoint.id, at);
    const told =
      secrets.length === 0
        ? { status: 0, error: "secret_unreadable", askedMs: NaN }
        : await this.#with().courier.send(endpoint.url, secrets, event, body);
    const now = Date.now();
    const { status, error, askedMs } = told;
    const verdict = JSON.parse(webhookVerdict({ env: this.env }, status, error, made, askedMs, now));
    return { verdict, attempt: { at, status: status || null, ms: Math.max(0, now - at), error: verdict.error } };
  }

  /** The secrets that sign for an endpoint, the newest first. What another signing secret has sealed is sealed anew. */
  async #secrets(id, now) {
    const query = "SELECT n,sealed FROM secret WHERE endpoint=? AND (until IS NULL OR until>?) ORDER BY n DESC";
    const { sealing } = this.#with();
    const secrets = [];
    for (const { n, sealed } of this.#rows.read(query, id, now)) {
      const opened = await sealing.open(sealed, this.#of(id));
      if (opened === null) continue;
      secrets.push(opened.text);
      if (opened.isFresh) continue;
      const anew = await sealing.seal(opened.text, this.#of(id));
      // No other secret ever has this number: what is replaced says the same.
      this.#rows.change("UPDATE secret SET sealed=? WHERE n=?", anew, n);
    }
    return secrets;
  }

  #switchOff(id) {
    this.#rows.change("UPDATE endpoint SET enabled=0 WHERE id=?", id);
    this.#outbox.end(id);
  }

  #said(repeat) {
    if (repeat === null) return undefined;
    const query = "SELECT request,answer FROM said WHERE mark=? AND at>?";
    return this.#rows.read(query, repeat.mark, Date.now() - SAID_MS)[0];
  }

  /** What the same request was answered; null where there was none. */
  async #saidBefore(repeat) {
    const said = this.#said(repeat);
    if (said === undefined) return null;
    if (said.request !== repeat.request) return { not: "reused" };
    const opened = await this.#with().sealing.open(said.answer, this.#of(repeat.mark));
    return opened === null ? { not: "reused" } : { done: JSON.parse(opened.text) };
  }

  /** An answer as it is kept: it may hold a secret. */
  #sealedAnswer(repeat, answer) {
    return repeat === null ? null : this.#with().sealing.seal(JSON.stringify(answer), this.#of(repeat.mark));
  }

  #keepSaid(repeat, answer) {
    if (repeat === null) return;
    this.#rows.add("INSERT OR REPLACE INTO said VALUES(?,?,?,?)", repeat.mark, repeat.request, answer, Date.now());
    const newest = "SELECT mark FROM said WHERE at>? ORDER BY at DESC LIMIT ?";
    this.#rows.change(`DELETE FROM said WHERE mark NOT IN (${newest})`, Date.now() - SAID_MS, MOST_SAID);
  }
}
