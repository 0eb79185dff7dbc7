import type { ComponentChildren } from "preact";
import { useCallback } from "preact/hooks";
import { call } from "../api/client";
import type { components } from "../api/schema";
import { Check, Select, TextArea, TextField } from "../parts/Field";
import { useLoad } from "../parts/useLoad";
import { keysText } from "../text/admin";
import { draftsOf, type LimitDraft, limitsOf } from "./limits";
import { LimitsEditor } from "./LimitsEditor";
import { ofField, toField } from "./moments";
import { useRootKey } from "./rootKey";

type KeyDetail = components["schemas"]["KeyDetail"];

/** What of a key can be typed, whether it is new or not. */
export interface KeyDraft {
  readonly name: string;
  readonly plan: string;
  readonly limits: readonly LimitDraft[];
  readonly expires: string;
  readonly metadata: string;
}

export const NO_KEY: KeyDraft = { name: "", plan: "", limits: [], expires: "", metadata: "" };

export const draftOf = ({ name, plan, limits, expires_at: expires, metadata }: KeyDetail): KeyDraft => ({
  name,
  plan: plan ?? "",
  limits: draftsOf(limits),
  expires: toField(expires),
  metadata: metadata ? JSON.stringify(metadata, null, 2) : "",
});

type Metadata = Readonly<Record<string, unknown>>;

/** The notes that were typed; `undefined`: they are no JSON object. */
export function metadataOf(text: string): Metadata | null | undefined {
  if (text.trim() === "") return null;
  try {
    const value = JSON.parse(text) as unknown;
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Metadata) : undefined;
  } catch {
    return undefined;
  }
}

/** As it is sent. */
export const bodyOf = ({ name, plan, limits, expires, metadata }: KeyDraft) => ({
  name,
  plan: plan === "" ? null : plan,
  limits: limitsOf(limits),
  expires_at: ofField(expires),
  metadata: metadataOf(metadata) ?? null,
});

interface Props {
  readonly draft: KeyDraft;
  readonly onChange: (draft: KeyDraft) => void;
  /** Fields that stand among them. */
  readonly children?: ComponentChildren;
}

/** Their fields. */
export function KeyFields({ draft, onChange, children }: Props) {
  const plans = usePlanNames(draft.plan);
  const set = <K extends keyof KeyDraft>(name: K) => (value: KeyDraft[K]): void => { onChange({ ...draft, [name]: value }); };
  const owns = draft.limits.length > 0;
  return (
    <>
      <div class="fields">
        <TextField label={keysText.name} value={draft.name} required maxLength={100} autocomplete="off" onInput={set("name")} />
        {children}
        {plans === null ? (
          <TextField label={keysText.plan} value={draft.plan} autocomplete="off" spellcheck={false} onInput={set("plan")} />
        ) : (
          <Select label={keysText.plan} value={draft.plan} options={plans} onInput={set("plan")} />
        )}
        <TextField label={keysText.expires} type="datetime-local" hint={keysText.expiresHint} value={draft.expires} onInput={set("expires")} />
      </div>
      <Check label={keysText.ownLimits} hint={keysText.ownLimitsHint} checked={owns} onInput={(own) => { set("limits")(own ? draftsOf([START]) : []); }} />
      {owns && <LimitsEditor label={keysText.ownLimits} limits={draft.limits} onChange={set("limits")} />}
      <TextArea
        label={keysText.metadata}
        hint={keysText.metadataHint}
        rows={3}
        spellcheck={false}
        value={draft.metadata}
        fault={metadataOf(draft.metadata) === undefined ? keysText.metadataFault : null}
        onInput={set("metadata")}
      />
    </>
  );
}

/** What a new limit begins as: it can be sent as it is. */
const START = { name: "requests", kind: "rate", unit: "requests", limit: 60, window_seconds: 60 } as const;

/** The plans to choose from; `null`: they are not known, for instance because the root key may not see them. */
function usePlanNames(chosen: string) {
  const key = useRootKey();
  const load = useCallback((signal: AbortSignal) => call("get", "/admin/plans", { key, signal }), [key]);
  const { data } = useLoad(load);
  if (data === null) return null;
  const names = data.data.map(({ name }) => name);
  const all = chosen === "" || names.includes(chosen) ? names : [chosen, ...names];
  return [{ value: "", label: keysText.noPlan }, ...all.map((value) => ({ value, label: value }))];
}
