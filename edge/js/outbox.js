// What an account's webhooks are to be told, and what became of it: events, their deliveries, the attempts of each.
//
// At least once: an event is written down with its deliveries and the alarm that sends them, in one transaction. One that
// was sent, and whose end was not written down, is sent again; every attempt has the same `webhook-id`.
//
// Atomicity: each method is synchronous from its first read to its last write. `run` waits in between, and writes an end
// only to what still waits for one.

export const TABLES = `
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
  CREATE INDEX IF NOT EXISTS of_delivery ON attempt(delivery);`;

/** Attempts at the same time: the platform opens no more connections for one object. And of these to one endpoint. */
const AT_ONCE = 6;
const AT_ONE = 2;
/** After a failure of this object itself, or its end, what is due is looked for again, in milliseconds. */
const GUARD_MS = 5_000;
/** How long one alarm goes on, in milliseconds: the platform ends it after a quarter of an hour. */
const LONGEST_MS = 300_000;
/** And how many attempts it makes: each asks up to three times, and the platform allows a thousand in one go. */
const MOST_OF_ONE_ALARM = 300;
/** Deliveries to one endpoint that may wait; what comes beyond is not sent. */
const MOST_PENDING = 10_000;
/** Deliveries to one endpoint that are kept when they are over, and how long, in milliseconds. */
const MOST_KEPT = 100;
const KEPT_MS = 7 * 86_400_000;
/** For how long an event is known again, in milliseconds. */
const KNOWN_MS = 86_400_000;

export class Outbox {
  #rows;
  #storage;
  #endpoints;
  #send;
  #switchOff;
  /** Deliveries on their way: endpoint and end. */
  #flying = new Map();
  #wake = () => {};

  /**
   * `endpoints()`: those that are told of anything; `send(endpoint, event, body, made)`: one attempt, the `made`th, and
   * what it means; `switchOff(id)`: an endpoint wants nothing more.
   */
  constructor(rows, storage, { endpoints, send, switchOff }) {
    this.#rows = rows;
    this.#storage = storage;
    this.#endpoints = endpoints;
    this.#send = send;
    this.#switchOff = switchOff;
  }

  /** Whether an event is known already. */
  knows(event) {
    return this.#rows.read("SELECT 1 FROM event WHERE id=?", event).length > 0;
  }

  /** Takes a new event on, for these endpoints. */
  take(event, type, body, endpoints, now) {
    this.#rows.add("INSERT INTO event VALUES(?,?,?,?)", event, type, body, now);
    for (const { id } of endpoints) {
      const count = "SELECT count(*) AS count FROM delivery WHERE endpoint=? AND next IS NOT NULL";
      const isFull = this.#rows.read(count, id)[0].count >= MOST_PENDING;
      const add = "INSERT INTO delivery(endpoint,event,state,next,made,at) VALUES(?,?,?,?,0,?)";
      this.#rows.add(add, id, event, isFull ? "failed" : "pending", isFull ? null : now, now);
    }
    this.#arm();
    this.#wake();
  }

  /** Notes an event that was sent already, once, and what became of it. */
  note(event, type, body, endpoint, told) {
    this.#rows.add("INSERT INTO event VALUES(?,?,?,?)", event, type, body, told.attempt.at);
    const add = "INSERT INTO delivery(endpoint,event,state,next,made,at) VALUES(?,?,'pending',NULL,0,?) RETURNING n";
    const [{ n }] = this.#rows.add(add, endpoint, event, told.attempt.at);
    this.#record(n, endpoint, 1, told);
    this.#arm();
  }

  /** A page of what was and is to be sent to an endpoint, the newest first. */
  page(endpoint, before, limit) {
    const page = this.#rows.read(
      "SELECT d.n,e.id,e.type,d.state,d.at/1000 AS created_at,d.next/1000 AS next_attempt_at FROM delivery d " +
        "JOIN event e ON e.id=d.event WHERE d.endpoint=?1 AND d.n<?2 AND (d.next IS NOT NULL OR d.at>?4) " +
        "ORDER BY d.n DESC LIMIT ?3",
      endpoint, before, limit, Date.now() - KEPT_MS,
    );
    const attempts = "SELECT at/1000 AS at,status,ms,error FROM attempt WHERE delivery=? ORDER BY n";
    return page.map((row) => ({ ...row, attempts: this.#rows.read(attempts, row.n) }));
  }

  /** Ends what is still to be sent to an endpoint. */
  end(endpoint) {
    this.#rows.change("UPDATE delivery SET state='failed',next=NULL WHERE endpoint=? AND state='pending'", endpoint);
    this.#forgetBeyond(endpoint);
    this.#arm();
  }

  /** Forgets all of an endpoint. Of events that nobody is told any more only the ids stay, for a while. */
  forget(endpoint) {
    this.#forget("endpoint=?", endpoint);
    this.#rows.change("UPDATE event SET body='' WHERE NOT EXISTS (SELECT 1 FROM delivery WHERE event=event.id)");
    this.#arm();
  }

  /**
   * Sends what is due, until nothing is on its way any more. What becomes due meanwhile goes along, so that a receiver
   * that is slow holds nobody else.
   */
  async run() {
    // Should this be cut off, what is due is still due: there is an alarm as long as something is.
    await this.#storage.setAlarm(Date.now() + GUARD_MS);
    const end = Date.now() + LONGEST_MS;
    let left = MOST_OF_ONE_ALARM;
    for (;;) {
      const woken = new Promise((wake) => (this.#wake = wake));
      if (Date.now() < end) left -= this.#launch(left);
      if (this.#flying.size === 0) break;
      await this.#something(woken);
    }
    this.#prune();
    this.#arm();
  }

  /** Waits until a place is free, something new is there, or something becomes due. */
  async #something(woken) {
    const next = this.#rows.read("SELECT min(next) AS next FROM delivery WHERE next>?", Date.now())[0]?.next ?? null;
    const waited = [woken, ...[...this.#flying.values()].map(({ done }) => done)];
    let timer;
    if (next !== null) waited.push(new Promise((due) => (timer = setTimeout(due, Math.max(1, next - Date.now())))));
    await Promise.race(waited);
    clearTimeout(timer);
  }

  /** Lets what is due go, `most` at most, as far as there are places; no endpoint takes more than its own. How many. */
  #launch(most) {
    const now = Date.now();
    const due = this.#endpoints().flatMap((endpoint) => {
      const taken = [...this.#flying.values()].filter(({ id }) => id === endpoint.id).length;
      const rows = this.#rows.read(
        "SELECT d.n,d.next,d.made,d.event,e.body FROM delivery d JOIN event e ON e.id=d.event " +
          "WHERE d.endpoint=? AND d.next<=? ORDER BY d.next,d.n LIMIT ?",
        endpoint.id, now, 2 * AT_ONE,
      );
      const waiting = rows.filter(({ n }) => !this.#flying.has(n)).slice(0, AT_ONE - taken);
      return waiting.map((row) => ({ ...row, endpoint }));
    });
    due.sort((a, b) => a.next - b.next);
    const going = due.slice(0, Math.min(most, AT_ONCE - this.#flying.size));
    for (const delivery of going) {
      this.#flying.set(delivery.n, { id: delivery.endpoint.id, done: this.#deliver(delivery) });
    }
    return going.length;
  }

  async #deliver({ n, made, event, body, endpoint }) {
    try {
      this.#record(n, endpoint.id, made + 1, await this.#send(endpoint, event, body, made + 1));
    } catch (error) {
      // Of this object's own: that was no attempt, and it is made again soon.
      console.error(JSON.stringify({ level: "error", msg: "webhook not sent", cause: String(error) }));
      this.#rows.change("UPDATE delivery SET next=? WHERE n=? AND next IS NOT NULL", Date.now() + GUARD_MS, n);
    } finally {
      this.#flying.delete(n);
    }
  }

  /** Writes down how an attempt ended. A delivery that was ended or forgotten meanwhile stays so. */
  #record(n, endpoint, made, { attempt: { at, status, ms, error }, verdict: { state, next, gone } }) {
    const add = "INSERT INTO attempt(delivery,at,status,ms,error) SELECT n,?,?,?,? FROM delivery WHERE n=?";
    this.#rows.change(add, at, status, ms, error, n);
    const update = "UPDATE delivery SET state=?,next=?,made=? WHERE n=? AND state='pending'";
    this.#rows.change(update, state, next, made, n);
    if (gone) this.#switchOff(endpoint);
    else if (next === null) this.#forgetBeyond(endpoint);
  }

  /** Of what is over for an endpoint the newest stay. */
  #forgetBeyond(endpoint) {
    const last = "SELECT n FROM delivery WHERE endpoint=?1 AND next IS NULL ORDER BY n DESC LIMIT 1 OFFSET ?2";
    this.#forget(`endpoint=?1 AND next IS NULL AND n<=(${last})`, endpoint, MOST_KEPT);
  }

  /** Forgets deliveries with what was tried of them. */
  #forget(which, ...values) {
    this.#rows.change(`DELETE FROM attempt WHERE delivery IN (SELECT n FROM delivery WHERE ${which})`, ...values);
    this.#rows.change(`DELETE FROM delivery WHERE ${which}`, ...values);
  }

  /** Lets go of what is over and old, and of events that nobody will tell again. */
  #prune() {
    const now = Date.now();
    this.#forget("next IS NULL AND at<=?", now - KEPT_MS);
    const old = "DELETE FROM event WHERE at<=? AND NOT EXISTS (SELECT 1 FROM delivery WHERE event=event.id)";
    this.#rows.change(old, now - KNOWN_MS);
  }

  /** The alarm is for what is due first, or else for what is to be let go. */
  #arm() {
    const [row] = this.#rows.read(
      "SELECT (SELECT min(next) FROM delivery WHERE next IS NOT NULL) AS due," +
        "(SELECT min(at) FROM delivery WHERE next IS NULL)+?1 AS old,(SELECT min(at) FROM event)+?2 AS known",
      KEPT_MS, KNOWN_MS,
    );
    const at = row?.due ?? row?.old ?? row?.known ?? null;
    if (at === null) this.#storage.deleteAlarm();
    else this.#storage.setAlarm(at);
  }
}
