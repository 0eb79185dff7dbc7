import { useCallback } from "preact/hooks";
import { call } from "../api/client";
import type { ApiError } from "../api/errors";
import { Check, Select, TextArea, TextField } from "../parts/Field";
import { useLoad } from "../parts/useLoad";
import { keysText, plansText, rootKeysText } from "../text/admin";
import type { CommonDraft, KeyDraft, RootKeyDraft } from "./drafts";
import { faultOf } from "./Form";
import { draftsOf } from "./limits";
import { CreditsEditor, LimitsEditor } from "./LimitsEditor";
import { useRootKey } from "./rootKey";
import { ScopesField } from "./ScopesField";

interface Props<D> {
  readonly draft: D;
  /** Why it was not taken. */
  readonly error: ApiError | null;
  readonly onChange: (draft: D) => void;
}

const setter =
  <D extends object>({ draft, onChange }: Pick<Props<D>, "draft" | "onChange">) =>
  <K extends keyof D>(name: K) =>
  (value: D[K]): void => { onChange({ ...draft, [name]: value }); };

/** The fields of a key that is made, or changed. */
export function KeyFields({ isNew, ...props }: Props<KeyDraft> & { readonly isNew: boolean }) {
  const { draft, error } = props;
  const plans = usePlanNames(draft.plan);
  const set = setter(props);
  const fault = (field: keyof KeyDraft): string | null => faultOf(error, field);
  const owns = draft.limits.length > 0;
  const plan = { label: keysText.plan, value: draft.plan, fault: fault("plan"), onInput: set("plan") };
  return (
    <>
      <div class="fields">
        <NameField {...props} />
        {isNew && (
          <TextField label={keysText.owner} hint={keysText.ownerHint} value={draft.owner} fault={fault("owner")} maxLength={64} autocomplete="off" spellcheck={false} onInput={set("owner")} />
        )}
        {plans === null ? <TextField {...plan} autocomplete="off" spellcheck={false} /> : <Select {...plan} options={plans} />}
        <ExpiryField {...props} />
        <TextField label={keysText.cost} hint={keysText.costHint} type="number" min={1} max={1_000_000} value={draft.cost} fault={fault("cost")} onInput={set("cost")} />
        <TextField label={keysText.models} hint={keysText.modelsHint} value={draft.models} fault={fault("models")} autocomplete="off" spellcheck={false} onInput={set("models")} />
      </div>
      <Check label={keysText.ownLimits} hint={keysText.ownLimitsHint} checked={owns} onInput={(own) => { set("limits")(own ? draftsOf([START]) : []); }} fault={owns ? null : fault("limits")} />
      {owns && <LimitsEditor label={keysText.ownLimits} limits={draft.limits} fault={fault("limits")} onChange={set("limits")} />}
      <CreditsEditor label={keysText.ownCredits} hint={isNew ? undefined : keysText.ownCreditsHint} credits={draft.credits} fault={fault("credits")} onChange={set("credits")} />
      <Check label={keysText.ownScopes} hint={keysText.ownScopesHint} checked={draft.scopes !== null} onInput={(own) => { set("scopes")(own ? [] : null); }} />
      {draft.scopes && <ScopesField label={keysText.ownScopes} names={plansText.scopeNames} scopes={draft.scopes} fault={fault("scopes")} onChange={set("scopes")} />}
      <div class="halves">
        <AddressesField {...props} />
        <TextArea label={keysText.origins} hint={keysText.originsHint} rows={3} spellcheck={false} value={draft.allowed_origins} fault={fault("allowed_origins")} onInput={set("allowed_origins")} />
      </div>
      <NotesField {...props} />
      {isNew && <Check label={keysText.selfService} hint={keysText.selfServiceHint} checked={draft.self_service} fault={fault("self_service")} onInput={set("self_service")} />}
    </>
  );
}

/** The fields of a root key that is made, or changed. */
export function RootKeyFields(props: Props<RootKeyDraft>) {
  const { draft, error } = props;
  return (
    <>
      <div class="fields">
        <NameField {...props} />
        <ExpiryField {...props} />
      </div>
      <ScopesField label={rootKeysText.scopes} names={rootKeysText.scopeNames} scopes={draft.scopes} fault={faultOf(error, "scopes")} onChange={setter(props)("scopes")} />
      <AddressesField {...props} />
      <NotesField {...props} />
    </>
  );
}

function NameField<D extends CommonDraft>({ draft, error, onChange }: Props<D>) {
  return <TextField label={keysText.name} value={draft.name} fault={faultOf(error, "name")} required maxLength={100} autocomplete="off" onInput={(name) => { onChange({ ...draft, name }); }} />;
}

function ExpiryField<D extends CommonDraft>({ draft, error, onChange }: Props<D>) {
  return (
    <TextField
      label={keysText.expires}
      type="datetime-local"
      hint={keysText.expiresHint}
      value={draft.expires_at}
      fault={faultOf(error, "expires_at")}
      onInput={(at) => { onChange({ ...draft, expires_at: at }); }}
    />
  );
}

function AddressesField<D extends CommonDraft>({ draft, error, onChange }: Props<D>) {
  return (
    <TextArea
      label={keysText.addresses}
      hint={keysText.addressesHint}
      rows={3}
      spellcheck={false}
      value={draft.allowed_ips}
      fault={faultOf(error, "allowed_ips")}
      onInput={(addresses) => { onChange({ ...draft, allowed_ips: addresses }); }}
    />
  );
}

function NotesField<D extends CommonDraft>({ draft, error, onChange }: Props<D>) {
  return (
    <TextArea
      label={keysText.metadata}
      hint={keysText.metadataHint}
      rows={3}
      spellcheck={false}
      value={draft.metadata}
      fault={faultOf(error, "metadata")}
      onInput={(metadata) => { onChange({ ...draft, metadata }); }}
    />
  );
}

/** What a new limit begins as: it can be sent as it is. */
const START = { name: "requests", kind: "rate", unit: "requests", limit: 60, window_seconds: 60 } as const;

/** The plans to choose from; `null`: they can't be known, for instance because the root key may not see them. */
function usePlanNames(chosen: string) {
  const key = useRootKey();
  const load = useCallback((signal: AbortSignal) => call("get", "/admin/plans", { key, signal }), [key]);
  const { data, error } = useLoad(load);
  if (error !== null) return null;
  const names = data?.data.map(({ name }) => name) ?? [];
  const all = chosen === "" || names.includes(chosen) ? names : [chosen, ...names];
  return [{ value: "", label: keysText.noPlan }, ...all.map((value) => ({ value, label: value }))];
}
