// The portal's requests: of the pages to their own deployment, as whoever is signed in (docs/api.md, "The portal").
import { json, send } from "./client";
import type { components } from "./schema";
import type { UsageReport } from "../parts/chart/series";

type Schemas = components["schemas"];

/** Who is signed in. */
export interface Session {
  readonly owner: string;
  readonly name: string;
  /** The plans that may be chosen; `null`: every one that is for self-service. */
  readonly plans: readonly string[] | null;
  /** Unix seconds. */
  readonly expires_at: number;
}

/** How people sign in, and who is signed in. */
export interface PortalState {
  readonly auth: "off" | "open" | "session" | "oidc";
  readonly turnstile_site_key: string | null;
  readonly session: Session | null;
}

/** What a limit stands at. */
export interface LimitNow {
  readonly name: string;
  readonly limit: number;
  readonly remaining: number;
  /** When more is left than now, unix seconds. */
  readonly resets_at: number;
}

/** A plan that may be chosen. */
export interface PortalPlan {
  readonly name: string;
  readonly limits: readonly Schemas["Limit"][];
  readonly credits: Schemas["Credits"] | null;
  readonly cost: number;
  readonly scopes: readonly Schemas["Scope"][];
  readonly models: readonly string[];
  readonly retention_days: number | null;
  /** The owner's key on it. */
  readonly key_id: string | null;
}

export type OwnKey = Schemas["KeyDetail"] & { readonly limits_now: readonly LimitNow[] };

/** What `POST /admin/portal-sessions` answers. */
export interface Invitation {
  readonly url: string;
  readonly expires_at: number;
}

type Headers = Readonly<Record<string, string>>;

async function ask<T>(method: "get" | "post" | "delete", path: string, options: { readonly body?: unknown; readonly headers?: Headers; readonly signal?: AbortSignal; readonly key?: string } = {}): Promise<T> {
  return (await json(await send(method, path, options))) as T;
}

const keyPath = (id: string): string => `/portal/keys/${encodeURIComponent(id)}`;

export const portalState = (signal?: AbortSignal): Promise<PortalState> => ask("get", "/portal/session", signal ? { signal } : {});

export const signInByName = (name: string, turnstileToken: string | null): Promise<PortalState> =>
  ask("post", "/portal/session", { body: { name, ...(turnstileToken !== null && { turnstile_token: turnstileToken }) } });

export const signInByLink = (token: string): Promise<PortalState> => ask("post", "/portal/session", { body: { token } });

export const signOut = (everywhere: boolean): Promise<void> => ask("delete", `/portal/session${everywhere ? "?all=true" : ""}`);

export const portalPlans = (signal: AbortSignal): Promise<{ readonly data: readonly PortalPlan[] }> => ask("get", "/portal/plans", { signal });

export const ownKeys = (signal: AbortSignal): Promise<{ readonly data: readonly OwnKey[] }> => ask("get", "/portal/keys", { signal });

/** The key is in its answer and never again. */
export const takeKey = (body: { readonly name: string; readonly plan: string }, headers: Headers): Promise<Schemas["CreatedKey"]> =>
  ask("post", "/portal/keys", { body, headers });

export const rotateKey = (id: string, body: { readonly overlap_seconds: number }, headers: Headers): Promise<Schemas["RotatedKey"]> =>
  ask("post", `${keyPath(id)}/rotate`, { body, headers });

export const revokeKey = (id: string): Promise<void> => ask("delete", keyPath(id));

export const keyUsage = (id: string, from: number, signal: AbortSignal): Promise<UsageReport> =>
  ask("get", `${keyPath(id)}/usage?by=day&from=${String(from)}`, { signal });

/** Makes a one-time link to the portal; a root key's affair. */
export const invite = (
  key: string,
  body: { readonly owner: string; readonly name?: string; readonly plans?: readonly string[]; readonly expires_in_seconds: number },
  headers: Headers,
): Promise<Invitation> => ask("post", "/admin/portal-sessions", { key, body, headers });
