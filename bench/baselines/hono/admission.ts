// One call to the key's limiter object, and the headers of its answer. A refusal is remembered until it ends.
import { createMiddleware } from "hono/factory";
import type { Context } from "hono";
import { type AppEnv, HttpError } from "./app";
import type { Decision, RateLimit } from "./limiter";

const refusals = new Map<string, { until: number; resetsAt: number }>();
const MOST_REFUSALS = 4_096;

function duration(ms: number): string {
  const seconds = Math.ceil(ms / 1000);
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return `${h ? `${h}h` : ""}${m ? `${m}m` : ""}${s || seconds === 0 ? `${s}s` : ""}`;
}

function setHeaders(c: Context<AppEnv>, { name, limit, window_seconds }: RateLimit, remaining: number, resetMs: number): void {
  c.header("x-ratelimit-limit-requests", String(limit));
  c.header("x-ratelimit-remaining-requests", String(remaining));
  c.header("x-ratelimit-reset-requests", duration(resetMs));
  c.header("ratelimit-policy", `"${name}";q=${limit};w=${window_seconds}`);
  c.header("ratelimit", `"${name}";r=${remaining};t=${Math.ceil(resetMs / 1000)}`);
}

function refuse(c: Context<AppEnv>, rule: RateLimit, resetMs: number, retryMs: number): never {
  setHeaders(c, rule, 0, resetMs);
  throw new HttpError(429, "rate_limit_exceeded", `Rate limit ${rule.name} reached.`, {
    "retry-after": String(Math.max(1, Math.ceil(retryMs / 1000))),
  });
}

/** Charges the request to its key's limit, or refuses it. */
export const admit = createMiddleware<AppEnv>(async (c, next) => {
  const key = c.get("key");
  const [rule] = key.limits;
  const now = Date.now();
  const refusal = refusals.get(key.id);
  if (refusal && now < refusal.until) refuse(c, rule, refusal.resetsAt - now, refusal.until - now);

  let decision: Decision;
  try {
    decision = await c.env.LIMITER.getByName(key.id).admit(rule);
  } catch {
    throw new HttpError(503, "limiter_unavailable", "The limiter did not answer.", { "retry-after": "1" });
  }
  if (decision.revoked) throw new HttpError(401, "revoked_api_key", "The API key was revoked.", { "www-authenticate": "Bearer" });
  if (!decision.admitted) {
    if (refusals.size >= MOST_REFUSALS) refusals.clear();
    refusals.set(key.id, { until: now + decision.retryMs, resetsAt: now + decision.resetMs });
    refuse(c, rule, decision.resetMs, decision.retryMs);
  }
  setHeaders(c, rule, decision.remaining, decision.resetMs);
  await next();
});
