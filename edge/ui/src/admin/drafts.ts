// Keys and root keys while they are being typed. Their fields are called as in the API, so that what it finds wrong
// with one is said at that one.
import { ApiError } from "../api/errors";
import type { components } from "../api/schema";
import { keysText } from "../text/admin";
import { type CreditsDraft, creditsDraft, creditsOf, draftsOf, type LimitDraft, limitsOf } from "./limits";
import { ofField, toField } from "./moments";

type Schemas = components["schemas"];
type KeyDetail = Schemas["KeyDetail"];
export type Scope = Schemas["Scope"];
export type AdminScope = Schemas["AdminScope"];

/** What every kind of key has. */
export interface CommonDraft {
  readonly name: string;
  readonly expires_at: string;
  readonly allowed_ips: string;
  readonly metadata: string;
}

export interface KeyDraft extends CommonDraft {
  /** Chosen when it is made, and never again. */
  readonly owner: string;
  readonly self_service: boolean;
  readonly plan: string;
  /** `null`: what its plan says. */
  readonly scopes: readonly Scope[] | null;
  readonly models: string;
  readonly allowed_origins: string;
  readonly cost: string;
  readonly limits: readonly LimitDraft[];
  readonly credits: CreditsDraft;
}

export interface RootKeyDraft extends CommonDraft {
  readonly scopes: readonly AdminScope[];
}

const NO_COMMON: CommonDraft = { name: "", expires_at: "", allowed_ips: "", metadata: "" };

export const NO_KEY: KeyDraft = {
  ...NO_COMMON,
  owner: "",
  self_service: false,
  plan: "",
  scopes: null,
  models: "",
  allowed_origins: "",
  cost: "",
  limits: [],
  credits: creditsDraft(null),
};

export const NO_ROOT_KEY: RootKeyDraft = { ...NO_COMMON, scopes: [] };

const commonDraftOf = ({ name, expires_at: expires, allowed_ips: addresses, metadata }: KeyDetail): CommonDraft => ({
  name,
  expires_at: toField(expires),
  allowed_ips: (addresses ?? []).join("\n"),
  metadata: metadata ? JSON.stringify(metadata, null, 2) : "",
});

export const draftOf = (key: KeyDetail): KeyDraft => ({
  ...commonDraftOf(key),
  owner: key.owner ?? "",
  self_service: key.self_service ?? false,
  plan: key.plan ?? "",
  scopes: key.scopes ?? null,
  models: (key.models ?? []).join(" "),
  allowed_origins: (key.allowed_origins ?? []).join("\n"),
  cost: key.cost == null ? "" : String(key.cost),
  limits: draftsOf(key.limits),
  credits: creditsDraft(key.credits),
});

export const rootDraftOf = (key: KeyDetail): RootKeyDraft => ({ ...commonDraftOf(key), scopes: key.admin_scopes ?? [] });

/** The names in a text, with spaces, commas or lines between. */
export const namesIn = (text: string): string[] => text.split(/[\s,]+/).filter((name) => name !== "");

function metadataOf(text: string): Readonly<Record<string, unknown>> | null {
  if (text.trim() === "") return null;
  const value = parsed(text);
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw ApiError.ofField("metadata", keysText.metadataFault);
  return value as Readonly<Record<string, unknown>>;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function someOf<S>(scopes: readonly S[]): S[] {
  if (scopes.length === 0) throw ApiError.ofField("scopes", keysText.noScope);
  return [...scopes];
}

const commonBodyOf = ({ name, expires_at: expires, allowed_ips: addresses, metadata }: CommonDraft) => ({
  name,
  expires_at: ofField(expires),
  allowed_ips: namesIn(addresses),
  metadata: metadataOf(metadata),
});

/** What of a key can be changed, as it is sent; what can't be sent is thrown. */
export function patchOf(draft: KeyDraft) {
  const models = namesIn(draft.models);
  return {
    ...commonBodyOf(draft),
    plan: draft.plan === "" ? null : draft.plan,
    scopes: draft.scopes && someOf(draft.scopes),
    models: models.length === 0 ? null : models,
    allowed_origins: namesIn(draft.allowed_origins),
    cost: draft.cost === "" ? null : Number(draft.cost),
    limits: limitsOf(draft.limits),
    credits: creditsOf(draft.credits),
  } satisfies Schemas["PatchKey"];
}

/** A new key, as it is sent. Without limits of its own it has the plan's, or the deployment's. */
export function newKeyOf(draft: KeyDraft): Schemas["CreateKey"] {
  const { limits, ...rest } = patchOf(draft);
  const owner = draft.owner.trim();
  return { ...rest, ...(limits.length > 0 && { limits }), ...(owner !== "" && { owner }), self_service: draft.self_service };
}

export function rootPatchOf(draft: RootKeyDraft) {
  return { ...commonBodyOf(draft), admin_scopes: someOf(draft.scopes) } satisfies Schemas["PatchRootKey"];
}

export function newRootKeyOf(draft: RootKeyDraft): Schemas["CreateRootKey"] {
  return { ...commonBodyOf(draft), scopes: someOf(draft.scopes) };
}

/** What of a body is not as it was; `null`: all of it is. */
export function changes<B extends object>(was: B, now: B): Partial<B> | null {
  const names = (Object.keys(now) as (keyof B)[]).filter((name) => JSON.stringify(now[name]) !== JSON.stringify(was[name]));
  return names.length === 0 ? null : (Object.fromEntries(names.map((name) => [name, now[name]])) as Partial<B>);
}
