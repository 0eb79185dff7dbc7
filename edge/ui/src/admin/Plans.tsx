import { useCallback, useState } from "preact/hooks";
import { call } from "../api/client";
import type { components } from "../api/schema";
import { Button, buttonClass } from "../parts/Button";
import { Confirm } from "../parts/Confirm";
import { Empty } from "../parts/Empty";
import { go, hashOf } from "../parts/hash";
import { PlanLines } from "../parts/PlanLines";
import { say } from "../parts/Toasts";
import { useLoad } from "../parts/useLoad";
import { admin, plansText } from "../text/admin";
import { Badge } from "../parts/Badge";
import type { SectionProps } from "./Console";
import { PlanForm } from "./PlanForm";
import { useRootKey } from "./rootKey";
import { Failure, Section } from "./Section";

type Plan = components["schemas"]["Plan"];

/** All plans, or the form of one. */
export function Plans({ place: { id } }: SectionProps) {
  if (id === "") return <PlanList />;
  const back = <a class={buttonClass()} href={hashOf("plans")}>{admin.back}</a>;
  const done = (): void => { go(hashOf("plans")); };
  return (
    <Section key={id} title={id === "new" ? plansText.makeTitle : plansText.editTitle(id)} actions={back}>
      {id === "new" ? <PlanForm of={null} onDone={done} /> : <EditPlan name={id} onDone={done} />}
    </Section>
  );
}

/** Changes a plan, beginning with what it is now: a list may have it as it was. */
function EditPlan({ name, onDone }: { readonly name: string; readonly onDone: () => void }) {
  const key = useRootKey();
  const load = useCallback((signal: AbortSignal) => call("get", "/admin/plans/{name}", { key, path: { name }, signal }), [key, name]);
  const { data, error, reload } = useLoad(load);
  return (
    <>
      <Failure error={error} scope="admin:plans" onRetry={reload} />
      {data && <PlanForm of={data} onDone={onDone} />}
    </>
  );
}

function PlanList() {
  const key = useRootKey();
  const load = useCallback((signal: AbortSignal) => call("get", "/admin/plans", { key, signal }), [key]);
  const { data, error, reload } = useLoad(load);
  const [doomed, setDoomed] = useState<string | null>(null);
  const [gone, setGone] = useState<readonly string[]>([]);
  const remove = async (name: string): Promise<void> => {
    await call("delete", "/admin/plans/{name}", { key, path: { name } });
    // The list may have it for a moment still.
    setGone([...gone, name]);
    say(plansText.removed);
  };
  const plans = data?.data.filter(({ name }) => !gone.includes(name));
  return (
    <Section title={admin.section.plans} actions={<a class={buttonClass("primary")} href={hashOf("plans", "new")}>{plansText.make}</a>}>
      <Failure error={error} scope="admin:plans" onRetry={reload} />
      {plans?.length === 0 && <Empty icon="close" title={plansText.none}><p>{plansText.noneHint}</p></Empty>}
      {plans && (
        <ul class="cards">
          {plans.map((plan) => <PlanCard key={plan.name} plan={plan} onRemove={() => { setDoomed(plan.name); }} />)}
        </ul>
      )}
      {doomed !== null && (
        <Confirm title={plansText.removeTitle(doomed)} label={plansText.remove} onConfirm={() => remove(doomed)} onClose={() => { setDoomed(null); }}>
          <p>{plansText.removeLead}</p>
        </Confirm>
      )}
    </Section>
  );
}

function PlanCard({ plan, onRemove }: { readonly plan: Plan; readonly onRemove: () => void }) {
  const { name, self_service: selfService } = plan;
  return (
    <li class="panel stack" aria-label={name}>
      <div class="section-head">
        <h3>{name}</h3>
        {selfService && <Badge kind="good">{plansText.forSelfService}</Badge>}
      </div>
      <PlanLines plan={plan} named />
      <div class="actions">
        <a class={buttonClass(undefined, true)} href={hashOf("plans", name)}>{plansText.edit}</a>
        <a class={buttonClass("quiet", true)} href={hashOf("keys", "", { plan: name })}>{plansText.keys}</a>
        <a class={buttonClass("quiet", true)} href={hashOf("overview", "", { plan: name })}>{plansText.usage}</a>
        <Button small kind="quiet" onClick={onRemove}>{plansText.remove}</Button>
      </div>
    </li>
  );
}
