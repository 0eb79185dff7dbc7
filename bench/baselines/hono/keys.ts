// From a request's credential to its key's record. Keys are known by their SHA-256 alone, in KV as in memory.
import { createMiddleware } from "hono/factory";
import { type AppEnv, HttpError } from "./app";
import { crc32Base62 } from "./checksum";
import type { RateLimit } from "./limiter";

export type Scope = "transcribe" | "translate";

export interface KeyRecord {
  id: string;
  owner?: string;
  scopes: Scope[];
  models: string[];
  limits: [RateLimit];
  enabled: boolean;
  expires_at?: number;
  revoked_at?: number;
}

const FOUND_MS = 30_000;
const UNKNOWN_MS = 10_000;
const MOST_KEYS = 4_096;
const KEY = /^wk_(live|test)_[0-9A-Za-z]{28}$/;
const CHECK_CHARS = 6;

/** Keys looked up lately; `null` is one that nobody has. */
const known = new Map<string, { record: KeyRecord | null; until: number }>();

const unauthorized = (code: string, message: string) =>
  new HttpError(401, code, message, { "www-authenticate": "Bearer" });

function credential(headers: Headers): string {
  const bearer = headers.get("authorization")?.match(/^bearer +(.+)$/i)?.[1].trim();
  const apiKey = headers.get("x-api-key")?.trim();
  if (bearer && apiKey && bearer !== apiKey) throw new HttpError(400, "conflicting_keys", "Two different keys were sent.");
  const key = bearer || apiKey;
  if (!key) throw unauthorized("missing_api_key", "An API key is needed.");
  return key;
}

/** Refuses garbage before any I/O. */
function isWellFormed(key: string): boolean {
  return KEY.test(key) && crc32Base62(key.slice(0, -CHECK_CHARS)) === key.slice(-CHECK_CHARS);
}

async function find(keys: KVNamespace, hash: string): Promise<KeyRecord | null> {
  const now = Date.now();
  const entry = known.get(hash);
  if (entry && now < entry.until) return entry.record;
  const record = await keys.get<KeyRecord>(`key:${hash}`, { type: "json", cacheTtl: 30 });
  if (known.size >= MOST_KEYS) known.clear();
  known.set(hash, { record, until: now + (record ? FOUND_MS : UNKNOWN_MS) });
  return record;
}

/** Admits only requests with a good key, which may use `scope` if one is named. */
export const authenticate = (route: string, scope?: Scope) =>
  createMiddleware<AppEnv>(async (c, next) => {
    c.set("route", route);
    const key = credential(c.req.raw.headers);
    if (!isWellFormed(key)) throw unauthorized("invalid_api_key", "The API key is not valid.");
    const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(key));
    const record = await find(c.env.KEYS, new Uint8Array(digest).toHex());
    if (!record) throw unauthorized("invalid_api_key", "The API key is not valid.");
    if (record.revoked_at !== undefined) throw unauthorized("revoked_api_key", "The API key was revoked.");
    if (!record.enabled) throw unauthorized("disabled_api_key", "The API key is disabled.");
    if (record.expires_at !== undefined && Date.now() >= record.expires_at * 1000) {
      throw unauthorized("expired_api_key", "The API key has expired.");
    }
    if (scope && !record.scopes.includes(scope)) {
      throw new HttpError(403, "insufficient_scope", `The API key lacks the scope ${scope}.`);
    }
    c.set("key", record);
    await next();
  });
