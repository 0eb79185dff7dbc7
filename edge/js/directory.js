// Who must hear of changes: the keys of a plan (`plan:<name>`), the keys of an owner (`owner:<owner>`). What
// is announced is stored first, and reaches every member: at once, or by the alarm as soon as it can.
//
// Atomicity: each method reads and writes its tables without an await in between. Spreading comes after; a
// member that was told twice ignores the second time, and an older announcement never replaces a newer one.
import { DurableObject } from "cloudflare:workers";
import { publish, tell } from "./news.js";

const TABLES = `
  CREATE TABLE IF NOT EXISTS member(id TEXT PRIMARY KEY, told INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS claim(name TEXT PRIMARY KEY, holder TEXT NOT NULL, made INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS held(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS news(n INTEGER PRIMARY KEY, body TEXT NOT NULL);`;
const RETRY_MS = 5_000;
/** Members that are told at the same time. */
const AT_ONCE = 50;

export class Directory extends DurableObject {
  #sql = this.ctx.storage.sql;
  #ready = this.#sql.exec("SELECT 1 FROM sqlite_master WHERE name='member'").toArray().length > 0;
  #spreading = Promise.resolve();

  /** The tables are made at the first write: a directory that was only asked for leaves nothing behind. */
  #write() {
    if (!this.#ready) this.#sql.exec(TABLES);
    this.#ready = true;
    return this.#sql;
  }

  #read(query, ...values) {
    return this.#ready ? this.#sql.exec(query, ...values).toArray() : [];
  }

  #held(name) {
    return this.#read("SELECT value FROM held WHERE name=?", name)[0]?.value;
  }

  announced() {
    return JSON.parse(this.#held("announced") ?? "null");
  }

  members() {
    return this.#read("SELECT id FROM member").map(({ id }) => id);
  }

  /**
   * Enters keys; with a claim, one key, unless another one holds it: `instead_of` gives it up if it is revoked,
   * or if it has not made it good.
   */
  enter(ids, claim) {
    const sql = this.#write();
    const announced = this.announced();
    if (claim !== null) {
      const { name, instead_of, revoked } = claim;
      const held = this.#read("SELECT holder,made FROM claim WHERE name=?", name)[0];
      const gives = held === undefined || (held.holder === instead_of && (revoked || held.made === 0));
      if (!gives && held.holder !== ids[0]) return { announced: null, taken_by: held.holder };
      if (held?.holder !== ids[0]) sql.exec("INSERT OR REPLACE INTO claim VALUES(?,?,0)", name, ids[0]);
    }
    for (const id of ids) {
      sql.exec("INSERT INTO member VALUES(?,?) ON CONFLICT(id) DO NOTHING", id, announced?.version ?? 0);
    }
    return { announced, taken_by: null };
  }

  /** Makes a claim good, once the key's object is made; whether the key has it still. */
  confirm(id, name) {
    if (this.#read("SELECT 1 FROM claim WHERE name=? AND holder=?", name, id).length === 0) return false;
    this.#sql.exec("UPDATE claim SET made=1 WHERE name=?", name);
    return true;
  }

  leave(id) {
    if (!this.#ready) return;
    this.#sql.exec("DELETE FROM member WHERE id=?", id);
    this.#sql.exec("DELETE FROM claim WHERE holder=?", id);
  }

  /** Announces `value` with the next version; null if `expected` is another one than the present. */
  async announce(value, expected, event) {
    const version = this.announced()?.version ?? 0;
    if (expected !== null && expected !== version) return null;
    const announced = { ...value, version: version + 1 };
    const sql = this.#write();
    const put = "INSERT INTO held VALUES(?,?) ON CONFLICT(name) DO UPDATE SET value=excluded.value";
    sql.exec(put, "announced", JSON.stringify(announced));
    sql.exec(put, "unpublished", "1");
    this.#note({ ...event, after: event.after ?? announced });
    await this.#spread();
    return announced;
  }

  /** Forgets everything but what is still to be told; how many rows that was. */
  async dissolve(event) {
    const rows = this.#read(
      "SELECT (SELECT count(*) FROM member)+(SELECT count(*) FROM claim)+(SELECT count(*) FROM held) AS rows",
    );
    if (rows.length > 0 && rows[0].rows > 0) {
      this.#sql.exec("DELETE FROM member; DELETE FROM claim; DELETE FROM held;");
      this.#sql.exec("INSERT INTO held VALUES('unpublished','1')");
    }
    this.#write();
    this.#note(event);
    await this.#spread();
    return rows[0]?.rows ?? 0;
  }

  async alarm() {
    await this.#spread();
  }

  /** Writes an event down, in the transaction of what it tells of, with the alarm that tells it if this does not. */
  #note(event) {
    this.#sql.exec("INSERT INTO news(body) VALUES(?)", JSON.stringify({ kind: "audit", event }));
    this.ctx.storage.setAlarm(Date.now() + RETRY_MS);
  }

  /** Tells everybody, one announcement after the other. What fails is left to the alarm. */
  #spread() {
    this.#spreading = this.#spreading.then(async () => {
      try {
        await this.#publish();
        await this.#tellMembers();
        await this.#tellNews();
      } catch (error) {
        console.error(JSON.stringify({ level: "warn", msg: "not spread yet", cause: String(error) }));
        await this.ctx.storage.setAlarm(Date.now() + RETRY_MS);
      }
    });
    return this.#spreading;
  }

  /** A plan's directory keeps the plan's entry in KV. */
  async #publish() {
    if (this.#held("unpublished") === undefined) return;
    const announced = this.announced();
    const name = this.ctx.id.name;
    if (name.startsWith("plan:")) {
      const value = announced === null ? undefined : JSON.stringify(announced);
      await publish(this.env.KEYS, [{ name, value, metadata: { name: name.slice("plan:".length) } }]);
    }
    if (this.announced()?.version === announced?.version) this.#sql.exec("DELETE FROM held WHERE name='unpublished'");
  }

  async #tellMembers() {
    const announced = this.announced();
    if (announced === null) return;
    const { version } = announced;
    const change = JSON.stringify(
      "limited" in announced ? { op: "owner", limited: announced.limited } : { op: "plan", plan: announced },
    );
    const by = JSON.stringify({ id: "", request_id: "" });
    for (;;) {
      const behind = this.#read("SELECT id FROM member WHERE told<? LIMIT ?", version, AT_ONCE);
      if (behind.length === 0) return;
      await Promise.all(
        behind.map(async ({ id }) => {
          await this.env.LIMITER.getByName(id).change(change, by, "");
          this.#sql.exec("UPDATE member SET told=?1 WHERE id=?2 AND told<?1", version, id);
        }),
      );
    }
  }

  async #tellNews() {
    const news = this.#read("SELECT n,body FROM news ORDER BY n");
    if (news.length === 0) return;
    await tell(this.env, news.map(({ body }) => JSON.parse(body)));
    for (const { n } of news) this.#sql.exec("DELETE FROM news WHERE n=?", n);
  }
}
