// The portal's requests: of the pages to their own deployment, as whoever is signed in (docs/api.md, "The portal").
import { call, json, send } from "./client";
import type { components } from "./schema";

type Schemas = components["schemas"];
export type Session = Schemas["Session"];
export type PortalState = Schemas["PortalState"];
export type PortalPlan = Schemas["PortalPlan"];

type Headers = Readonly<Record<string, string>>;

export const portalState = (): Promise<PortalState> => call("get", "/portal/session");

export const signInByName = (name: string, turnstileToken: string | null): Promise<PortalState> =>
  call("post", "/portal/session", { body: { name, ...(turnstileToken !== null && { turnstile_token: turnstileToken }) } });

/** The API's description has this body in words alone. */
export const signInByLink = async (token: string): Promise<PortalState> =>
  (await json(await send("post", "/portal/session", { body: { token } }))) as PortalState;

export const signOut = (everywhere: boolean): Promise<undefined> => call("delete", "/portal/session", { query: { ...(everywhere && { all: true }) } });

export const portalPlans = (signal: AbortSignal) => call("get", "/portal/plans", { signal });

export const ownKeys = (signal: AbortSignal) => call("get", "/portal/keys", { signal });

/** The key is in its answer and never again. */
export const takeKey = (body: Schemas["TakeKey"], headers: Headers) => call("post", "/portal/keys", { body, headers });

export const rotateKey = (id: string, body: Schemas["RotateKey"], headers: Headers) => call("post", "/portal/keys/{id}/rotate", { path: { id }, body, headers });

export const revokeKey = (id: string): Promise<undefined> => call("delete", "/portal/keys/{id}", { path: { id } });

export const keyUsage = (id: string, from: number, signal: AbortSignal) => call("get", "/portal/keys/{id}/usage", { path: { id }, query: { by: "day", from }, signal });
