import { useCallback, useState } from "preact/hooks";
import { call } from "../api/client";
import type { components } from "../api/schema";
import { Button, buttonClass } from "../parts/Button";
import { Confirm } from "../parts/Confirm";
import { Empty } from "../parts/Empty";
import { go, hashOf } from "../parts/hash";
import { say } from "../parts/Toasts";
import { useLoad } from "../parts/useLoad";
import { admin, plansText } from "../text/admin";
import { count, creditsInWords, limitInWords } from "../text/limits";
import { Badge } from "../parts/Badge";
import type { SectionProps } from "./Console";
import { Facts } from "../parts/Facts";
import { PlanForm } from "./PlanForm";
import { useRootKey } from "./rootKey";
import { Failure, Section } from "./Section";

type Plan = components["schemas"]["Plan"];

/** All plans, or the form of one. */
export function Plans({ place: { id } }: SectionProps) {
  const key = useRootKey();
  const load = useCallback((signal: AbortSignal) => call("get", "/admin/plans", { key, signal }), [key]);
  const { data, error, reload } = useLoad(load);
  const [doomed, setDoomed] = useState<string | null>(null);
  const remove = async (name: string): Promise<void> => {
    await call("delete", "/admin/plans/{name}", { key, path: { name } });
    say(plansText.removed);
    reload();
  };
  const shown = data?.data.find(({ name }) => name === id) ?? null;
  const isForm = id === "new" || shown !== null;
  return (
    <Section
      title={id === "new" ? plansText.makeTitle : shown ? plansText.editTitle(shown.name) : admin.section.plans}
      actions={isForm ? <a class={buttonClass()} href={hashOf("plans")}>{admin.back}</a> : <a class={buttonClass("primary")} href={hashOf("plans", "new")}>{plansText.make}</a>}
    >
      <Failure error={error} scope="admin:plans" onRetry={reload} />
      {isForm && <PlanForm key={id} of={shown} onDone={() => { reload(); go(hashOf("plans")); }} />}
      {!isForm && data?.data.length === 0 && <Empty icon="close" title={plansText.none}><p>{plansText.noneHint}</p></Empty>}
      {!isForm && data && (
        <ul class="cards">
          {data.data.map((plan) => <PlanCard key={plan.name} plan={plan} onRemove={() => { setDoomed(plan.name); }} />)}
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
  const { name, limits, credits, cost, models, self_service: selfService, retention_days: days } = plan;
  return (
    <li class="panel stack" aria-label={name}>
      <div class="section-head">
        <h3>{name}</h3>
        {selfService && <Badge kind="good">{plansText.forSelfService}</Badge>}
      </div>
      <ul class="lines">
        {limits.map((limit) => <li key={limit.name}>{limitInWords(limit)} <span class="soft small-text">{limit.name}</span></li>)}
        {credits && <li>{creditsInWords(credits)}</li>}
      </ul>
      <Facts
        facts={[
          { name: plansText.models, value: models.join(", ") },
          cost === 1 ? null : { name: plansText.cost, value: count(cost) },
          days == null ? null : { name: plansText.retention, value: count(days) },
        ]}
      />
      <div class="actions">
        <a class={buttonClass(undefined, true)} href={hashOf("plans", name)}>{plansText.edit}</a>
        <a class={buttonClass("quiet", true)} href={hashOf("keys", "", { plan: name })}>{plansText.keys}</a>
        <a class={buttonClass("quiet", true)} href={hashOf("overview", "", { plan: name })}>{plansText.usage}</a>
        <Button small kind="quiet" onClick={onRemove}>{plansText.remove}</Button>
      </div>
    </li>
  );
}
