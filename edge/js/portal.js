// An owner's sessions and invitations to the portal, by the hashes of their tickets; and, in objects of their own, a root
// key's sessions of the console, and how often somebody tried to sign in from an address. The one authority for them: what
// was ended here is good for nothing at the very next request.
//
// Atomicity: each method is synchronous from its first read to its last write.
import { DurableObject } from "cloudflare:workers";
import { Rows } from "./rows.js";

const TABLES = `
  CREATE TABLE IF NOT EXISTS ticket(
    hash TEXT PRIMARY KEY, kind TEXT NOT NULL, body TEXT NOT NULL, until INTEGER NOT NULL, used INTEGER NOT NULL DEFAULT 0
  ) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS ticket_by_end ON ticket(until);
  CREATE TABLE IF NOT EXISTS attempt(at INTEGER NOT NULL);`;

/** Sessions of an owner at the same time; the one that ends first makes room. And invitations. */
const MOST_SESSIONS = 50;
const MOST_INVITATIONS = 200;
const HOUR_MS = 3_600_000;

export class Portal extends DurableObject {
  #rows = new Rows(this.ctx.storage, TABLES, "ticket");

  /** Begins a session; `kind`: of the portal (`session`) or of the console (`console`); `body`: who that is, as JSON. */
  begin(kind, hash, body, until) {
    this.#add(kind, hash, body, until, MOST_SESSIONS);
  }

  /** Keeps an invitation; one that was kept, or used, before stays as it is. */
  invite(hash, body, until) {
    this.#add("invitation", hash, body, until, MOST_INVITATIONS);
  }

  #add(kind, hash, body, until, most) {
    this.#rows.add("INSERT OR IGNORE INTO ticket(hash,kind,body,until) VALUES(?,?,?,?)", hash, kind, body, until);
    const later = "SELECT hash FROM ticket WHERE kind=? ORDER BY until DESC LIMIT ?";
    this.#rows.change(`DELETE FROM ticket WHERE kind=? AND hash NOT IN (${later})`, kind, kind, most);
    this.#arm();
  }

  /** Who is signed in by a ticket, as JSON; null: nobody. */
  session(kind, hash) {
    const query = "SELECT body FROM ticket WHERE kind=? AND hash=? AND until>?";
    return this.#rows.read(query, kind, hash, Date.now())[0]?.body ?? null;
  }

  /** Takes an invitation: whom it lets in, as JSON; null where it is good no more. */
  redeem(hash) {
    const take = "UPDATE ticket SET used=1 WHERE kind='invitation' AND used=0 AND hash=? AND until>? RETURNING body";
    return this.#rows.change(take, hash, Date.now())[0]?.body ?? null;
  }

  /** Ends a session, or, if it is one, all. */
  end(kind, hash, all) {
    if (!all) this.#rows.change("DELETE FROM ticket WHERE kind=? AND hash=?", kind, hash);
    else if (this.session(kind, hash) !== null) this.#rows.change("DELETE FROM ticket WHERE kind=?", kind);
  }

  /** Counts an attempt. In how many milliseconds there may be another one, where it was one too many; 0: it was not. */
  attempt(most) {
    const now = Date.now();
    this.#rows.change("DELETE FROM attempt WHERE at<=?", now - HOUR_MS);
    const earlier = this.#rows.read("SELECT at FROM attempt ORDER BY at DESC LIMIT 1 OFFSET ?", most - 1)[0];
    if (earlier !== undefined) return earlier.at + HOUR_MS - now;
    this.#rows.add("INSERT INTO attempt VALUES(?)", now);
    this.#arm();
    return 0;
  }

  /** Forgets everything; how many rows that was. */
  async purge() {
    const rows = this.#count();
    await this.#rows.clear();
    return rows;
  }

  #count() {
    return this.#rows.read("SELECT (SELECT count(*) FROM ticket)+(SELECT count(*) FROM attempt) AS n")[0]?.n ?? 0;
  }

  /** What is over is forgotten, and in the end the object. */
  async alarm() {
    const now = Date.now();
    this.#rows.change("DELETE FROM ticket WHERE until<=?", now);
    this.#rows.change("DELETE FROM attempt WHERE at<=?", now - HOUR_MS);
    if (this.#count() === 0) await this.#rows.clear();
    else this.#arm();
  }

  #arm() {
    const next = "SELECT min(until) AS at FROM (SELECT min(until) AS until FROM ticket UNION ALL SELECT max(at)+? FROM attempt)";
    const at = this.#rows.read(next, HOUR_MS)[0]?.at;
    if (at !== undefined && at !== null) this.ctx.storage.setAlarm(at);
  }
}
