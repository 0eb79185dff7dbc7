import { useState } from "preact/hooks";
import { call } from "../api/client";
import type { components } from "../api/schema";
import { Check, TextField } from "../parts/Field";
import { say } from "../parts/Toasts";
import { useAct } from "../parts/useAct";
import { admin, plansText } from "../text/admin";
import { namesIn, type Scope } from "./drafts";
import { faultOf, Form } from "./Form";
import { creditsDraft, creditsOf, draftsOf, limitsOf, newLimit } from "./limits";
import { CreditsEditor, LimitsEditor } from "./LimitsEditor";
import { useRootKey } from "./rootKey";
import { ScopesField } from "./ScopesField";

type Plan = components["schemas"]["Plan"];
type PutPlan = components["schemas"]["PutPlan"];

interface Props {
  /** The plan to change; `null`: a new one. */
  readonly of: Plan | null;
  readonly onDone: () => void;
}

const ALL_SCOPES = Object.keys(plansText.scopeNames) as Scope[];

/** A plan while it is being typed; its fields are called as in the API. */
const draftOf = (plan: Plan | null) => ({
  plan: plan?.name ?? "",
  limits: plan ? draftsOf(plan.limits) : [{ ...newLimit(), name: "requests" }],
  credits: creditsDraft(plan?.credits),
  scopes: plan?.scopes ?? ALL_SCOPES,
  models: plan?.models.join(" ") ?? "*",
  cost: String(plan?.cost ?? 1),
  permits_ahead: String(plan?.permits_ahead ?? 0),
  retention_days: plan?.retention_days == null ? "" : String(plan.retention_days),
  self_service: plan?.self_service ?? false,
});
type Draft = ReturnType<typeof draftOf>;

const bodyOf = ({ limits, credits, scopes, models, cost, permits_ahead: permits, retention_days: days, self_service: selfService }: Draft): PutPlan => ({
  limits: limitsOf(limits),
  credits: creditsOf(credits),
  scopes,
  models: namesIn(models),
  cost: Number(cost),
  permits_ahead: Number(permits),
  retention_days: days === "" ? null : Number(days),
  self_service: selfService,
});

/** Makes a plan, or changes one if nobody else changed it meanwhile. */
export function PlanForm({ of, onDone }: Props) {
  const root = useRootKey();
  const [draft, setDraft] = useState(() => draftOf(of));
  // What it replaces: that may be newer once this form was open for a while.
  const [version] = useState(of?.version ?? 0);
  const { isBusy, error, act } = useAct();
  const set = <K extends keyof Draft>(name: K) => (value: Draft[K]): void => { setDraft({ ...draft, [name]: value }); };
  const field = <K extends keyof Draft>(name: K) => ({ value: draft[name], fault: faultOf(error, name), onInput: set(name) });
  const save = async (): Promise<void> => {
    const isDone = await act(async () => {
      await call("put", "/admin/plans/{name}", { key: root, path: { name: draft.plan.trim() }, body: { ...bodyOf(draft), version } });
      say(plansText.saved);
    });
    if (isDone) onDone();
  };
  return (
    <Form send={admin.save} isBusy={isBusy} error={error} fields={Object.keys(draft)} scope="admin:plans" onSend={() => void save()}>
      <TextField label={plansText.name} hint={plansText.nameHint} {...field("plan")} required maxLength={32} readOnly={of !== null} autocomplete="off" spellcheck={false} />
      <LimitsEditor limits={draft.limits} fault={faultOf(error, "limits")} onChange={(limits) => { set("limits")([...limits]); }} />
      <CreditsEditor credits={draft.credits} fault={faultOf(error, "credits")} onChange={set("credits")} />
      <ScopesField label={plansText.scopes} names={plansText.scopeNames} scopes={draft.scopes} fault={faultOf(error, "scopes")} onChange={(scopes) => { set("scopes")([...scopes]); }} />
      <div class="fields">
        <TextField label={plansText.models} hint={plansText.modelsHint} {...field("models")} required spellcheck={false} />
        <TextField label={plansText.cost} type="number" min={1} max={1_000_000} required {...field("cost")} />
        <TextField label={plansText.retention} hint={plansText.retentionHint} type="number" min={1} max={36_500} {...field("retention_days")} />
        <TextField label={plansText.permits} hint={plansText.permitsHint} type="number" min={0} max={1000} required {...field("permits_ahead")} />
      </div>
      <Check
        label={plansText.selfService}
        hint={plansText.selfServiceHint}
        checked={draft.self_service}
        fault={faultOf(error, "self_service")}
        onInput={set("self_service")}
      />
    </Form>
  );
}
