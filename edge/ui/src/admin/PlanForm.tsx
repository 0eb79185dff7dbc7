import { useState } from "preact/hooks";
import { call } from "../api/client";
import type { components } from "../api/schema";
import { Button } from "../parts/Button";
import { Check, TextField } from "../parts/Field";
import { say } from "../parts/Toasts";
import { useAct } from "../parts/useAct";
import { admin, plansText } from "../text/admin";
import { creditsDraft, creditsOf, draftsOf, limitsOf, newLimit } from "./limits";
import { CreditsEditor, LimitsEditor } from "./LimitsEditor";
import { ScopesField } from "./ScopesField";
import { useRootKey } from "./rootKey";
import { Failure } from "./Section";

type Plan = components["schemas"]["Plan"];
type Scope = components["schemas"]["Scope"];

interface Props {
  /** The plan to change; `null`: a new one. */
  readonly of: Plan | null;
  readonly onDone: () => void;
}

const ALL_SCOPES = Object.keys(plansText.scopeNames) as Scope[];

/** Makes a plan, or changes one if nobody else changed it meanwhile. */
export function PlanForm({ of, onDone }: Props) {
  const root = useRootKey();
  const [name, setName] = useState(of?.name ?? "");
  const [limits, setLimits] = useState(() => (of ? draftsOf(of.limits) : [{ ...newLimit(), name: "requests" }]));
  const [credits, setCredits] = useState(() => creditsDraft(of?.credits));
  const [scopes, setScopes] = useState<readonly Scope[]>(of?.scopes ?? ALL_SCOPES);
  const [models, setModels] = useState(of?.models.join(" ") ?? "*");
  const [cost, setCost] = useState(String(of?.cost ?? 1));
  const [permits, setPermits] = useState(String(of?.permits_ahead ?? 0));
  const [days, setDays] = useState(of?.retention_days == null ? "" : String(of.retention_days));
  const [selfService, setSelfService] = useState(of?.self_service ?? false);
  // What it replaces: that may be newer once this form was open for a while.
  const [version] = useState(of?.version ?? 0);
  const { isBusy, error, act } = useAct();

  const save = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const body = {
      limits: limitsOf(limits),
      credits: creditsOf(credits),
      scopes: [...scopes],
      models: models.split(/\s+/).filter((model) => model !== ""),
      cost: Number(cost),
      permits_ahead: Number(permits),
      retention_days: days === "" ? null : Number(days),
      self_service: selfService,
      version,
    };
    const isDone = await act(async () => {
      await call("put", "/admin/plans/{name}", { key: root, path: { name: name.trim() }, body });
      say(plansText.saved);
    });
    if (isDone) onDone();
  };

  return (
    <form class="panel stack" onSubmit={(event) => void save(event)}>
      <TextField
        label={plansText.name}
        hint={plansText.nameHint}
        value={name}
        required
        maxLength={32}
        readOnly={of !== null}
        autocomplete="off"
        spellcheck={false}
        onInput={setName}
      />
      <LimitsEditor limits={limits} onChange={(to) => { setLimits([...to]); }} />
      <CreditsEditor credits={credits} onChange={setCredits} />
      <ScopesField label={plansText.scopes} names={plansText.scopeNames} scopes={scopes} onChange={setScopes} />
      <div class="fields">
        <TextField label={plansText.models} hint={plansText.modelsHint} value={models} required spellcheck={false} onInput={setModels} />
        <TextField label={plansText.cost} type="number" min={1} max={1_000_000} required value={cost} onInput={setCost} />
        <TextField label={plansText.retention} hint={plansText.retentionHint} type="number" min={1} max={36_500} value={days} onInput={setDays} />
        <TextField label={plansText.permits} hint={plansText.permitsHint} type="number" min={0} max={1000} required value={permits} onInput={setPermits} />
      </div>
      <Check label={plansText.selfService} hint={plansText.selfServiceHint} checked={selfService} onInput={setSelfService} />
      <Failure error={error} scope="admin:plans" />
      <div class="actions"><Button type="submit" kind="primary" disabled={isBusy}>{admin.save}</Button></div>
    </form>
  );
}
