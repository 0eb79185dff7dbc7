// A key's limiter: a sliding window of 61 slices of W/60, never more than the limit in any window of W.
import { DurableObject } from "cloudflare:workers";
import type { Env } from "./app";

export interface RateLimit {
  name: string;
  limit: number;
  window_seconds: number;
}

export interface Decision {
  admitted: boolean;
  revoked: boolean;
  remaining: number;
  /** Until the oldest admission leaves the window. */
  resetMs: number;
  /** Until the request would be admitted. */
  retryMs: number;
}

const SLICES = 60;

export class Limiter extends DurableObject<Env> {
  #sql = this.ctx.storage.sql;
  #slices = new Map<number, number>();
  #used = 0;
  #newest = 0;
  #revoked = false;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#sql.exec("CREATE TABLE IF NOT EXISTS slices (slice INTEGER PRIMARY KEY, count INTEGER NOT NULL)");
    this.#sql.exec("CREATE TABLE IF NOT EXISTS revocation (at INTEGER NOT NULL)");
    for (const row of this.#sql.exec<{ slice: number; count: number }>("SELECT slice, count FROM slices ORDER BY slice")) {
      this.#slices.set(row.slice, row.count);
      this.#used += row.count;
      this.#newest = row.slice;
    }
    this.#revoked = this.#sql.exec("SELECT at FROM revocation").toArray().length > 0;
  }

  /** Counts one request if it fits. No await: nothing runs in between, and the output gate holds the answer until the write is on disk. */
  admit({ limit, window_seconds }: RateLimit): Decision {
    if (this.#revoked) return { admitted: false, revoked: true, remaining: 0, resetMs: 0, retryMs: 0 };
    const now = Date.now();
    const sliceMs = Math.ceil((window_seconds * 1000) / SLICES);
    // A clock that steps back frees nothing.
    const slice = Math.max(Math.floor(now / sliceMs), this.#newest);
    if (slice > this.#newest) this.#moveTo(slice);

    const admitted = this.#used < limit;
    if (admitted) {
      this.#sql.exec(
        "INSERT INTO slices (slice, count) VALUES (?, 1) ON CONFLICT (slice) DO UPDATE SET count = count + 1",
        slice,
      );
      this.#slices.set(slice, (this.#slices.get(slice) ?? 0) + 1);
      this.#used += 1;
    }
    // Slices are in the order of time, and all of them hold something.
    const [oldest] = this.#slices.keys();
    const resetMs = (oldest + SLICES + 1) * sliceMs - now;
    return { admitted, revoked: false, remaining: limit - this.#used, resetMs, retryMs: admitted ? 0 : resetMs };
  }

  revoke(): void {
    this.#sql.exec("INSERT INTO revocation (at) VALUES (?)", Date.now());
    this.#revoked = true;
  }

  /** Forgets the slices that have left the window. */
  #moveTo(slice: number): void {
    this.#newest = slice;
    const first = slice - SLICES;
    this.#sql.exec("DELETE FROM slices WHERE slice < ?", first);
    for (const [old, count] of this.#slices) {
      if (old >= first) break;
      this.#slices.delete(old);
      this.#used -= count;
    }
  }
}
