// An account's uploads: rows in the object's table (upload_store.js), files in the bucket. Part of the account's object
// (jobs.js).
//
// Atomicity: what is awaited is the bucket's alone; the row that says what is there is written after it, in one
// statement that says what it expects. A file that no row tells of is found by its upload's expiry, or, begun in parts
// and never told of, by the bucket's own.
import { uploadView } from "./index.js";
import { UploadStore } from "./upload_store.js";

const MOST_UPLOADS = 200;
/** When it is looked again whether a job needs an upload whose time is over. */
const NEEDED_MS = 60_000;

export class AccountUploads extends UploadStore {
  #bucket;
  #account;

  constructor({ storage, id }, { BUCKET }) {
    super(storage);
    this.#bucket = BUCKET;
    this.#account = id.name;
  }

  #place(upload) {
    return `uploads/${this.#account}/${upload}`;
  }

  #inParts({ id, multipart }) {
    return this.#bucket.resumeMultipartUpload(this.#place(id), multipart);
  }

  /**
   * Begins one of so many parts; the answer as JSON. `answers` knows what the same request (`mark`, `body`) was answered
   * before.
   */
  async create(wish, parts, mark, body, answers) {
    const now = Date.now();
    const answered = () => {
      const before = mark === "" ? undefined : answers.answered(mark, now);
      if (before !== undefined) return before.body === body ? before.answer : '{"error":"reused"}';
    };
    const before = answered();
    if (before !== undefined) return before;
    if (this.count >= MOST_UPLOADS) return `{"error":"full","most":${MOST_UPLOADS}}`;
    const multipart = parts > 1 ? (await this.#bucket.createMultipartUpload(this.#place(wish.id))).uploadId : null;
    // From here to the end nothing is awaited. What was begun in the bucket for the same request twice expires there.
    const meanwhile = answered();
    if (meanwhile !== undefined) return meanwhile;
    this.add(wish, multipart, now);
    const answer = JSON.stringify({ view: this.view(wish.id) });
    if (mark !== "") answers.remember(mark, body, answer, now);
    return answer;
  }

  /** One as its owner sees it, as JSON; null where there is none. */
  view(id) {
    const row = this.get(id);
    if (row === undefined) return null;
    const parts = this.parts(id).map(({ part, bytes }) => ({ part, bytes }));
    return uploadView(JSON.stringify({ ...row, parts }));
  }

  /** What a part needs to be brought to the bucket; null where there is no such upload. */
  partOf(id) {
    const row = this.get(id);
    return row === undefined ? null : { bytes: row.bytes, state: row.state, multipart: row.multipart, place: this.#place(id) };
  }

  /** A part is in the bucket. With the last one the upload is complete. */
  async brought(id, part, bytes, etag) {
    if (!this.put(id, part, bytes, etag)) return null;
    const row = this.get(id);
    const parts = this.parts(id);
    if (parts.reduce((sum, { bytes }) => sum + bytes, 0) === row.bytes) {
      if (row.multipart !== null) await this.#join(row, parts);
      this.complete(id);
    }
    return this.view(id);
  }

  async #join(row, parts) {
    try {
      await this.#inParts(row).complete(parts.map(({ part, etag }) => ({ partNumber: part, etag })));
    } catch (error) {
      // Completed before, by a call that did not live to say so.
      const there = await this.#bucket.head(this.#place(row.id));
      if (there?.size !== row.bytes) throw error;
    }
  }

  /** Deletes it; whether it was there. A job that needs it (`tidy`) keeps its file until it is over. */
  remove(id) {
    const isThere = this.get(id) !== undefined;
    if (isThere) this.delete(id, Date.now());
    return isThere;
  }

  /** Removes what expired, unless it is needed still. */
  async tidy(now, isNeeded) {
    for (const row of this.expired(now)) {
      if (isNeeded(row.id)) {
        this.postpone(row.id, now + NEEDED_MS);
        continue;
      }
      if (row.multipart !== null && row.state !== "complete") await this.#inParts(row).abort().catch(() => {});
      await this.#bucket.delete(this.#place(row.id));
      this.forget(row.id);
    }
  }
}
