// The table of an account's uploads and their parts. Each statement is one synchronous step.
import { Rows } from "./rows.js";

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
  #rows;

  constructor(storage) {
    this.#rows = new Rows(storage, TABLES, "upload");
  }

  get count() {
    return this.#rows.read("SELECT count(*) AS n FROM upload")[0]?.n ?? 0;
  }

  /** `multipart`: the bucket's id of an upload in parts; null: it comes in one piece. */
  add({ id, name, bytes, sha256 }, multipart, now) {
    const insert = "INSERT INTO upload(id,name,bytes,sha256,created,expires,multipart) VALUES(?,?,?,?,?,?,?)";
    this.#rows.add(insert, id, name, bytes, sha256, now, now + LASTS_MS, multipart);
  }

  /** One that was not deleted. */
  get(id) {
    const row = this.held(id);
    return row?.state === "deleted" ? undefined : row;
  }

  /** One that is there still, be it for a job alone. */
  held(id) {
    return this.#rows.read("SELECT * FROM upload WHERE id=?", id)[0];
  }

  parts(id) {
    return this.#rows.read("SELECT part,bytes,etag FROM part WHERE upload=? ORDER BY part", id);
  }

  /** A part is in the bucket; one that was sent again replaces the first. Not of an upload that is complete. */
  put(id, part, bytes, etag) {
    const open = this.#rows.read("SELECT 1 FROM upload WHERE id=? AND state='open'", id).length > 0;
    if (open) this.#rows.change("INSERT OR REPLACE INTO part VALUES(?,?,?,?)", id, part, bytes, etag);
    return open;
  }

  complete(id) {
    this.#rows.change("UPDATE upload SET state='complete' WHERE id=?", id);
  }

  /** It stays for longer: a job needs it. */
  prolong(id, now) {
    this.#rows.change("UPDATE upload SET expires=max(expires,?) WHERE id=?", now + LASTS_MS, id);
  }

  /** It is looked again then whether a job needs it still. */
  postpone(id, until) {
    this.#rows.change("UPDATE upload SET expires=? WHERE id=?", until, id);
  }

  /** Nobody finds it any more; it goes when no job needs it. */
  delete(id, now) {
    this.#rows.change("UPDATE upload SET state='deleted',expires=? WHERE id=?", now, id);
  }

  forget(id) {
    this.#rows.change("DELETE FROM part WHERE upload=?", id);
    this.#rows.change("DELETE FROM upload WHERE id=?", id);
  }

  expired(now) {
    return this.#rows.read("SELECT * FROM upload WHERE expires<=? LIMIT 100", now);
  }

  get nextDue() {
    return this.#rows.read("SELECT min(expires) AS due FROM upload")[0]?.due ?? Infinity;
  }

  get rows() {
    return this.#rows.read("SELECT (SELECT count(*) FROM upload)+(SELECT count(*) FROM part) AS n")[0]?.n ?? 0;
  }
}
