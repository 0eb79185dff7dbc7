// The table of an account's uploads and their parts. Each statement is one synchronous step.

const TABLES = `
  CREATE TABLE IF NOT EXISTS upload(
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    sha256 TEXT,
    state TEXT NOT NULL DEFAULT 'open',
    created INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    multipart TEXT
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS part(
    upload TEXT NOT NULL, part INTEGER NOT NULL, bytes INTEGER NOT NULL, etag TEXT NOT NULL, PRIMARY KEY(upload, part)
  ) WITHOUT ROWID;`;

/** How long an upload is there, in milliseconds. */
const LASTS_MS = 2 * 86_400_000;

export class UploadStore {
  #sql;
  #ready;

  constructor(sql) {
    this.#sql = sql;
    this.#ready = sql.exec("SELECT 1 FROM sqlite_master WHERE name='upload'").toArray().length > 0;
  }

  #all(query, ...values) {
    return this.#ready ? this.#sql.exec(query, ...values).toArray() : [];
  }

  get count() {
    return this.#all("SELECT count(*) AS n FROM upload")[0]?.n ?? 0;
  }

  /** `multipart`: the bucket's id of an upload in parts; null: it comes in one piece. */
  add({ id, name, bytes, sha256 }, multipart, now) {
    if (!this.#ready) this.#sql.exec(TABLES);
    this.#ready = true;
    const insert = "INSERT INTO upload(id,name,bytes,sha256,created,expires,multipart) VALUES(?,?,?,?,?,?,?)";
    this.#sql.exec(insert, id, name, bytes, sha256, now, now + LASTS_MS, multipart);
  }

  /** One that was not deleted. */
  get(id) {
    const row = this.held(id);
    return row?.state === "deleted" ? undefined : row;
  }

  /** One that is there still, be it for a job alone. */
  held(id) {
    return this.#all("SELECT * FROM upload WHERE id=?", id)[0];
  }

  parts(id) {
    return this.#all("SELECT part,bytes,etag FROM part WHERE upload=? ORDER BY part", id);
  }

  /** A part is in the bucket; one that was sent again replaces the first. Not of an upload that is complete. */
  put(id, part, bytes, etag) {
    const open = this.#all("SELECT 1 FROM upload WHERE id=? AND state='open'", id).length > 0;
    if (open) this.#sql.exec("INSERT OR REPLACE INTO part VALUES(?,?,?,?)", id, part, bytes, etag);
    return open;
  }

  complete(id) {
    this.#all("UPDATE upload SET state='complete' WHERE id=? RETURNING id", id);
  }

  /** It stays for longer: a job needs it. */
  prolong(id, now) {
    this.#all("UPDATE upload SET expires=max(expires,?) WHERE id=? RETURNING id", now + LASTS_MS, id);
  }

  /** It is looked again then whether a job needs it still. */
  postpone(id, until) {
    this.#all("UPDATE upload SET expires=? WHERE id=? RETURNING id", until, id);
  }

  /** Nobody finds it any more; it goes when no job needs it. */
  delete(id, now) {
    this.#all("UPDATE upload SET state='deleted',expires=? WHERE id=? RETURNING id", now, id);
  }

  forget(id) {
    this.#all("DELETE FROM part WHERE upload=? RETURNING part", id);
    this.#all("DELETE FROM upload WHERE id=? RETURNING id", id);
  }

  expired(now) {
    return this.#all("SELECT * FROM upload WHERE expires<=? LIMIT 100", now);
  }

  get nextDue() {
    return this.#all("SELECT min(expires) AS due FROM upload")[0]?.due ?? Infinity;
  }

  get rows() {
    return this.#all("SELECT (SELECT count(*) FROM upload)+(SELECT count(*) FROM part) AS n")[0]?.n ?? 0;
  }
}
