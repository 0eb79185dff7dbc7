// Which hosts have registered themselves: one object for the whole deployment, told by every host's heartbeat
// (edge/src/hosts.rs has verified it) and asked by the locations. It sees no request.
//
// Atomicity: each method is synchronous from its first read to its last write.
import { DurableObject } from "cloudflare:workers";

const TABLE = `CREATE TABLE IF NOT EXISTS host(
  url TEXT PRIMARY KEY, at INTEGER NOT NULL, heard INTEGER NOT NULL, until INTEGER NOT NULL, load TEXT NOT NULL
) WITHOUT ROWID;`;

/** Most hosts, and most that are remembered beyond their time. */
const MOST = 256;
const MOST_REMEMBERED = 1_024;
/**
 * How long a host that has gone is remembered, in milliseconds: longer than a beat of it is good, a minute on
 * either side of its time. So none of its beats can be played again to bring it back.
 */
const REMEMBERED_MS = 130_000;

export class Fleet extends DurableObject {
  #sql = this.ctx.storage.sql;
  #ready = this.#sql.exec("SELECT 1 FROM sqlite_master WHERE name='host'").toArray().length > 0;

  #read(query, ...values) {
    return this.#ready ? this.#sql.exec(query, ...values).toArray() : [];
  }

  /**
   * Takes a beat that was sent `at`, in unix milliseconds, and is good for `lastsMs`; 0: the host's last one.
   * "taken", "replayed" (not later than the one before), or "full".
   */
  beat(url, at, lastsMs, load) {
    const now = Date.now();
    const known = this.#read("SELECT at,until FROM host WHERE url=?", url)[0];
    if (known !== undefined && known.at >= at) return "replayed";
    if (known === undefined || known.until <= now) {
      if (!this.#ready) this.#sql.exec(TABLE);
      this.#ready = true;
      this.#sql.exec("DELETE FROM host WHERE until<?", now - REMEMBERED_MS);
      const count = "SELECT count(*) AS kept,coalesce(sum(until>?),0) AS alive FROM host";
      const { kept, alive } = this.#read(count, now)[0];
      if (alive >= MOST || kept >= MOST_REMEMBERED) return "full";
    }
    this.#sql.exec("INSERT OR REPLACE INTO host VALUES(?,?,?,?,?)", url, at, now, now + lastsMs, load);
    return "taken";
  }

  /** The hosts whose beats are good: origin, age of the last beat in milliseconds, load. */
  list() {
    const now = Date.now();
    return this.#read("SELECT url,heard,load FROM host WHERE until>? ORDER BY url", now).map(({ url, heard, load }) => [
      url,
      Math.max(0, now - heard),
      load,
    ]);
  }
}
