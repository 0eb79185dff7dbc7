// The webhooks of one account: its endpoints, their secrets, and what was and is to be sent to them. One object an
// account, asked by edge/src/webhooks.rs, and told of events by whoever has some.
//
// Atomicity: what reads a table and then writes one does so without an await in between, so nothing else of this object
// runs meanwhile (one JavaScript thread), and what it writes is one transaction; what has to be waited for (a name that
// is looked up, a seal) comes before, and whatever it depends on is read again after it. The output gate holds an answer
// back until the write before it is on disk: what was answered is durable.
//
// At least once: an event is written down with its deliveries and the alarm that sends them. One that was sent, and
// whose end was not written down, is sent again; every attempt has the same `webhook-id`.
import { DurableObject } from "cloudflare:workers";
import { Courier } from "./courier.js";
import { sealingKeys, webhookPayload, webhookVerdict } from "./index.js";
import { Sealing } from "./sealing.js";

const TABLES = `
  CREATE TABLE IF NOT EXISTS endpoint(
    n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, name TEXT, url TEXT NOT NULL, events TEXT NOT NULL,
    enabled INTEGER NOT NULL, created_at INTEGER NOT NULL);
  CREATE TABLE IF NOT EXISTS secret(
    n INTEGER PRIMARY KEY AUTOINCREMENT, endpoint TEXT NOT NULL, sealed BLOB NOT NULL, until INTEGER);
  CREATE TABLE IF NOT EXISTS event(
    id TEXT PRIMARY KEY, type TEXT NOT NULL, body TEXT NOT NULL, at INTEGER NOT NULL) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS event_by_age ON event(at);
  CREATE TABLE IF NOT EXISTS delivery(
    n INTEGER PRIMARY KEY AUTOINCREMENT, endpoint TEXT NOT NULL, event TEXT NOT NULL, state TEXT NOT NULL,
    next INTEGER, made INTEGER NOT NULL, at INTEGER NOT NULL, UNIQUE(endpoint,event));
  CREATE INDEX IF NOT EXISTS due ON delivery(endpoint,next) WHERE next IS NOT NULL;
  CREATE INDEX IF NOT EXISTS over ON delivery(endpoint,n) WHERE next IS NULL;
  CREATE INDEX IF NOT EXISTS of_event ON delivery(event);
  CREATE TABLE IF NOT EXISTS attempt(
    n INTEGER PRIMARY KEY AUTOINCREMENT, delivery INTEGER NOT NULL, at INTEGER NOT NULL, status INTEGER,
    ms INTEGER NOT NULL, error TEXT);
  CREATE INDEX IF NOT EXISTS of_delivery ON attempt(delivery);
  CREATE TABLE IF NOT EXISTS said(
    mark TEXT PRIMARY KEY, request TEXT NOT NULL, answer BLOB NOT NULL, at INTEGER NOT NULL) WITHOUT ROWID;`;

/** Attempts at the same time: the platform opens no more connections for one object. And of these to one endpoint. */
const AT_ONCE = 6;
const AT_ONE = 2;
/** After a failure of this object itself, or its end, what is due is looked for again, in milliseconds. */
const GUARD_MS = 30_000;
/** How long one alarm goes on, in milliseconds: the platform ends it after a quarter of an hour. */
const LONGEST_MS = 300_000;
/** Secrets that sign for one endpoint. */
const MOST_SECRETS = 3;
/** Deliveries to one endpoint that may wait; what comes beyond is not sent. */
const MOST_PENDING = 10_000;
/** Deliveries to one endpoint that are kept when they are over, and how long, in milliseconds. */
const MOST_KEPT = 100;
const KEPT_MS = 7 * 86_400_000;
/** For how long an event is known again, in milliseconds. */
const KNOWN_MS = 86_400_000;
/** For how long a request that comes again is answered alike, in milliseconds, and how many of them. */
const SAID_MS = 86_400_000;
const MOST_SAID = 1_000;

const MISSING = { not: "missing" };

export class Webhooks extends DurableObject {
  #sql = this.ctx.storage.sql;
  #ready = this.#sql.exec("SELECT 1 FROM sqlite_master WHERE name='endpoint'").toArray().length > 0;
  #tools = null;
  /** Deliveries on their way: endpoint and end. */
  #flying = new Map();
  #wake = () => {};

  /** The tables are made at the first write: an object that was only asked leaves nothing behind. */
  #write() {
    if (!this.#ready) this.#sql.exec(TABLES);
    this.#ready = true;
    return this.#sql;
  }

  #read(query, ...values) {
    return this.#ready ? this.#sql.exec(query, ...values).toArray() : [];
  }

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
    return this.#read(query, ...values).map(({ events, enabled, ...rest }) => ({
      ...rest,
      events: JSON.parse(events),
      enabled: enabled !== 0,
    }));
  }

  all(before, limit) {
    return { done: this.#views("WHERE n<? ORDER BY n DESC LIMIT ?", before, limit) };
  }

  one(id) {
    const [view] = this.#views("WHERE id=?", id);
    return view === undefined ? MISSING : { done: view };
  }

  /** Makes an endpoint of what edge_core::webhooks::NewWebhook says. `repeat`: by which this request is known again. */
  async create({ id, url, events, name, created_at, secret }, most, repeat) {
    const before = await this.#saidBefore(repeat);
    if (before !== null) return before;
    const { url: canonical, why } = await this.#with().courier.look(url);
    if (why !== undefined) return { not: { url: why } };
    const sealed = await this.#with().sealing.seal(secret, this.#of(id));
    const view = { id, object: "webhook", name, url: canonical, events, enabled: true, created_at };
    const answer = { ...view, secret };
    const kept = await this.#sealedAnswer(repeat, answer);
    // From here on nothing is waited for: of two with the same mark the second finds what the first has said.
    if (this.#said(repeat) !== undefined) return this.#saidBefore(repeat);
    if (this.#read("SELECT count(*) AS count FROM endpoint")[0]?.count >= most) return { not: "too_many" };
    const sql = this.#write();
    const insert = "INSERT INTO endpoint(id,name,url,events,enabled,created_at) VALUES(?,?,?,?,1,?)";
    sql.exec(insert, id, name, canonical, JSON.stringify(events), created_at);
    sql.exec("INSERT INTO secret(endpoint,sealed) VALUES(?,?)", id, sealed);
    this.#keepSaid(repeat, kept);
    return { done: answer };
  }

  /** Changes what `patch` names (edge_core::webhooks::WebhookPatch). */
  async change(id, patch) {
    const { url, why } = patch.url === undefined ? {} : await this.#with().courier.look(patch.url);
    if (why !== undefined) return { not: { url: why } };
    const [view] = this.#views("WHERE id=?", id);
    if (view === undefined) return MISSING;
    const changed = { ...view, ...patch, ...(url !== undefined && { url }) };
    const update = "UPDATE endpoint SET name=?,url=?,events=?,enabled=? WHERE id=?";
    this.#sql.exec(update, changed.name, changed.url, JSON.stringify(changed.events), Number(changed.enabled), id);
    if (!changed.enabled) this.#end(id);
    return { done: changed };
  }

  remove(id) {
    if (this.#views("WHERE id=?", id).length === 0) return MISSING;
    const sql = this.#sql;
    this.#forget("endpoint=?", id);
    sql.exec("DELETE FROM secret WHERE endpoint=?", id);
    sql.exec("DELETE FROM endpoint WHERE id=?", id);
    // Of what nobody is told any more only the ids stay, for a while.
    sql.exec("UPDATE event SET body='' WHERE NOT EXISTS (SELECT 1 FROM delivery WHERE event=event.id)");
    this.#arm();
    return { done: null };
  }

  /** Another secret; those before sign along for `overlapMs` at most. */
  async rotate(id, secret, overlapMs, repeat) {
    const before = await this.#saidBefore(repeat);
    if (before !== null) return before;
    const sealed = await this.#with().sealing.seal(secret, this.#of(id));
    const [view] = this.#views("WHERE id=?", id);
    if (view === undefined) return MISSING;
    const answer = { ...view, secret };
    const kept = await this.#sealedAnswer(repeat, answer);
    // As above. The endpoint may have gone meanwhile.
    if (this.#said(repeat) !== undefined) return this.#saidBefore(repeat);
    if (this.#views("WHERE id=?", id).length === 0) return MISSING;
    const [now, sql] = [Date.now(), this.#sql];
    sql.exec("UPDATE secret SET until=min(coalesce(until,?1),?1) WHERE endpoint=?2", now + overlapMs, id);
    sql.exec("DELETE FROM secret WHERE endpoint=? AND until<=?", id, now);
    sql.exec("INSERT INTO secret(endpoint,sealed) VALUES(?,?)", id, sealed);
    const newest = "SELECT n FROM secret WHERE endpoint=?1 ORDER BY n DESC LIMIT ?2";
    sql.exec(`DELETE FROM secret WHERE endpoint=?1 AND n NOT IN (${newest})`, id, MOST_SECRETS);
    this.#keepSaid(repeat, kept);
    return { done: answer };
  }

  /** One attempt, now, whatever the endpoint is told of otherwise. */
  async test(id, event, repeat) {
    const before = await this.#saidBefore(repeat);
    if (before !== null) return before;
    const at = Date.now();
    const [endpoint] = this.#views("WHERE id=?", id);
    if (endpoint === undefined) return MISSING;
    const body = webhookPayload("", JSON.stringify({ webhook_id: id }), at);
    const { attempt, verdict } = await this.#attempt(endpoint, event, body, 0);
    const { status, ms } = attempt;
    const answer = { delivered: verdict.state === "delivered", status, ms, error: verdict.error };
    const kept = await this.#sealedAnswer(repeat, answer);
    // As above.
    if (this.#said(repeat) !== undefined) return this.#saidBefore(repeat);
    if (this.#views("WHERE id=?", id).length === 0) return MISSING;
    const sql = this.#sql;
    sql.exec("INSERT INTO event VALUES(?,'webhook.test',?,?)", event, body, at);
    const insert = "INSERT INTO delivery(endpoint,event,state,next,made,at) VALUES(?,?,'pending',NULL,0,?) RETURNING n";
    const [{ n }] = sql.exec(insert, id, event, at).toArray();
    this.#record(n, id, 1, attempt, verdict);
    this.#keepSaid(repeat, kept);
    this.#arm();
    return { done: answer };
  }

  deliveries(id, before, limit) {
    if (this.#views("WHERE id=?", id).length === 0) return MISSING;
    const page = this.#read(
      "SELECT d.n,e.id,e.type,d.state,d.at/1000 AS created_at,d.next/1000 AS next_attempt_at FROM delivery d " +
        "JOIN event e ON e.id=d.event WHERE d.endpoint=?1 AND d.n<?2 AND (d.next IS NOT NULL OR d.at>?4) " +
        "ORDER BY d.n DESC LIMIT ?3",
      id, before, limit, Date.now() - KEPT_MS,
    );
    const attempts = "SELECT at/1000 AS at,status,ms,error FROM attempt WHERE delivery=? ORDER BY n";
    return { done: page.map((row) => ({ ...row, attempts: this.#read(attempts, row.n) })) };
  }

  /**
   * Takes an event on: it is on disk, with whom it is for, before this answers. The same id again changes nothing.
   * `data`: a plain object; `only`: the one endpoint that is told, or null.
   */
  event(id, type, data, only = null) {
    const wanted = this.#views("WHERE enabled=1").filter(
      (endpoint) => endpoint.events.includes(type) && (only === null || endpoint.id === only),
    );
    if (wanted.length === 0 || this.#read("SELECT 1 FROM event WHERE id=?", id).length > 0) return;
    const now = Date.now();
    const body = webhookPayload(type, JSON.stringify(data), now);
    const sql = this.#write();
    sql.exec("INSERT INTO event VALUES(?,?,?,?)", id, type, body, now);
    for (const endpoint of wanted) {
      const count = "SELECT count(*) AS count FROM delivery WHERE endpoint=? AND next IS NOT NULL";
      const isFull = this.#read(count, endpoint.id)[0].count >= MOST_PENDING;
      const insert = "INSERT INTO delivery(endpoint,event,state,next,made,at) VALUES(?,?,?,?,0,?)";
      sql.exec(insert, endpoint.id, id, isFull ? "failed" : "pending", isFull ? null : now, now);
    }
    this.#arm();
    this.#wake();
  }

  /** Forgets everything; how many rows that was. */
  async purge() {
    const tables = ["endpoint", "secret", "event", "delivery", "attempt", "said"];
    const counts = tables.map((table) => `(SELECT count(*) FROM ${table})`);
    const rows = this.#read(`SELECT ${counts.join("+")} AS count`)[0]?.count ?? 0;
    // Both take effect here and now; only their writing is waited for.
    const done = [this.ctx.storage.deleteAlarm(), this.ctx.storage.deleteAll()];
    this.#ready = false;
    await Promise.all(done);
    return rows;
  }

  /**
   * Sends what is due, until nothing is on its way any more. What becomes due meanwhile goes along, so that a receiver
   * that is slow holds nobody else.
   */
  async alarm() {
    // Should this be cut off, what is due is still due: there is an alarm as long as something is.
    await this.ctx.storage.setAlarm(Date.now() + GUARD_MS);
    try {
      const end = Date.now() + LONGEST_MS;
      for (;;) {
        const woken = new Promise((wake) => (this.#wake = wake));
        if (Date.now() < end) this.#launch();
        if (this.#flying.size === 0) break;
        await this.#something(woken);
      }
      this.#prune();
      this.#arm();
    } catch (error) {
      console.error(JSON.stringify({ level: "warn", msg: "webhooks not sent yet", cause: String(error) }));
    }
  }

  /** Waits until a place is free, something new is there, or something becomes due. */
  async #something(woken) {
    const [{ next }] = this.#read("SELECT min(next) AS next FROM delivery WHERE next>?", Date.now()).concat({ next: null });
    let timer;
    const due = next !== null && new Promise((wake) => (timer = setTimeout(wake, Math.max(1, next - Date.now()))));
    const flights = [...this.#flying.values()].map(({ done }) => done);
    await Promise.race([woken, ...flights, ...(due ? [due] : [])]);
    clearTimeout(timer);
  }

  /** Lets what is due go, as far as there are places, and no endpoint takes more than its own. */
  #launch() {
    const now = Date.now();
    const due = this.#views("WHERE enabled=1").flatMap((endpoint) => {
      const taken = [...this.#flying.values()].filter(({ id }) => id === endpoint.id).length;
      const rows = this.#read(
        "SELECT d.n,d.next,d.made,d.event,e.body FROM delivery d JOIN event e ON e.id=d.event " +
          "WHERE d.endpoint=? AND d.next<=? ORDER BY d.next LIMIT ?",
        endpoint.id, now, 2 * AT_ONE,
      );
      const waiting = rows.filter(({ n }) => !this.#flying.has(n)).slice(0, AT_ONE - taken);
      return waiting.map((row) => ({ ...row, endpoint }));
    });
    due.sort((a, b) => a.next - b.next);
    for (const { n, made, event, body, endpoint } of due.slice(0, AT_ONCE - this.#flying.size)) {
      const done = this.#deliver(n, made, event, body, endpoint);
      this.#flying.set(n, { id: endpoint.id, done });
    }
  }

  async #deliver(n, made, event, body, endpoint) {
    try {
      const { attempt, verdict } = await this.#attempt(endpoint, event, body, made + 1);
      this.#record(n, endpoint.id, made + 1, attempt, verdict);
    } catch (error) {
      // Of this object's own: it is no attempt, and made again when the guard strikes.
      console.error(JSON.stringify({ level: "error", msg: "webhook not sent", cause: String(error) }));
      if (this.#ready) this.#sql.exec("UPDATE delivery SET next=? WHERE n=? AND next IS NOT NULL", Date.now() + GUARD_MS, n);
    } finally {
      this.#flying.delete(n);
    }
  }

  /** Sends an event to an endpoint. `made`: which attempt it is; 0: there is never another. */
  async #attempt(endpoint, event, body, made) {
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
    const rows = this.#read(
      "SELECT n,sealed FROM secret WHERE endpoint=? AND (until IS NULL OR until>?) ORDER BY n DESC", id, now,
    );
    const { sealing } = this.#with();
    const secrets = [];
    for (const { n, sealed } of rows) {
      const opened = await sealing.open(sealed, this.#of(id));
      if (opened === null) continue;
      secrets.push(opened.text);
      if (opened.isFresh) continue;
      const anew = await sealing.seal(opened.text, this.#of(id));
      // A secret is never another one under the same number: what is replaced says the same.
      if (this.#ready) this.#sql.exec("UPDATE secret SET sealed=? WHERE n=?", anew, n);
    }
    return secrets;
  }

  /** Writes down how an attempt ended. A delivery that was ended or deleted meanwhile stays so. */
  #record(n, id, made, { at, status, ms, error }, { state, next, gone }) {
    if (!this.#ready) return;
    const insert = "INSERT INTO attempt(delivery,at,status,ms,error) SELECT n,?,?,?,? FROM delivery WHERE n=?";
    this.#sql.exec(insert, at, status, ms, error, n);
    const update = "UPDATE delivery SET state=?,next=?,made=? WHERE n=? AND state='pending'";
    this.#sql.exec(update, state, next, made, n);
    if (gone) {
      this.#sql.exec("UPDATE endpoint SET enabled=0 WHERE id=?", id);
      this.#end(id);
    } else if (next === null) {
      this.#forgetBeyond(id);
    }
  }

  /** Ends what is still to be sent to an endpoint. */
  #end(id) {
    this.#sql.exec("UPDATE delivery SET state='failed',next=NULL WHERE endpoint=? AND state='pending'", id);
    this.#forgetBeyond(id);
    this.#arm();
  }

  /** Of what is over for an endpoint the newest stay. */
  #forgetBeyond(id) {
    const last = "SELECT n FROM delivery WHERE endpoint=?1 AND next IS NULL ORDER BY n DESC LIMIT 1 OFFSET ?2";
    this.#forget(`endpoint=?1 AND next IS NULL AND n<=(${last})`, id, MOST_KEPT);
  }

  /** Forgets deliveries with what was tried of them. */
  #forget(which, ...values) {
    this.#sql.exec(`DELETE FROM attempt WHERE delivery IN (SELECT n FROM delivery WHERE ${which})`, ...values);
    this.#sql.exec(`DELETE FROM delivery WHERE ${which}`, ...values);
  }

  /** Lets go of what is over and old, of events that nobody will tell again, of secrets that sign no more. */
  #prune() {
    if (!this.#ready) return;
    const [now, sql] = [Date.now(), this.#sql];
    this.#forget("next IS NULL AND at<=?", now - KEPT_MS);
    sql.exec("DELETE FROM event WHERE at<=? AND NOT EXISTS (SELECT 1 FROM delivery WHERE event=event.id)", now - KNOWN_MS);
    sql.exec("DELETE FROM said WHERE at<=?", now - SAID_MS);
    sql.exec("DELETE FROM secret WHERE until<=?", now);
  }

  /** The alarm is for what is due first, or else for what is to be let go. */
  #arm() {
    const [row] = this.#read(
      "SELECT (SELECT min(next) FROM delivery WHERE next IS NOT NULL) AS due," +
        "(SELECT min(at) FROM delivery WHERE next IS NULL)+?1 AS old,(SELECT min(at) FROM event)+?2 AS known",
      KEPT_MS, KNOWN_MS,
    );
    const at = row?.due ?? row?.old ?? row?.known ?? null;
    if (at === null) this.ctx.storage.deleteAlarm();
    else this.ctx.storage.setAlarm(at);
  }

  #said(repeat) {
    if (repeat === null) return undefined;
    return this.#read("SELECT request,answer FROM said WHERE mark=? AND at>?", repeat.mark, Date.now() - SAID_MS)[0];
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
    const [now, sql] = [Date.now(), this.#sql];
    sql.exec("DELETE FROM said WHERE at<=?", now - SAID_MS);
    sql.exec("INSERT OR REPLACE INTO said VALUES(?,?,?,?)", repeat.mark, repeat.request, answer, now);
    const newest = "SELECT mark FROM said ORDER BY at DESC LIMIT ?";
    sql.exec(`DELETE FROM said WHERE mark NOT IN (${newest})`, MOST_SAID);
  }
}
