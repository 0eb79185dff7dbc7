import type { PortalPlan } from "../api/portal";
import { Button, buttonClass } from "../parts/Button";
import { Icon } from "../parts/Icon";
import { keys } from "../text/keys";
import { count, counted, creditsInWords, limitInWords } from "../text/limits";

/** A plan: what a key on it may, in words. */
export function PlanCard({ plan, onChoose }: { readonly plan: PortalPlan; readonly onChoose: () => void }) {
  const { name, limits, credits, cost, models, retention_days: days, key_id: id } = plan;
  return (
    <li class="panel stack" aria-label={name}>
      <h3 class="plan-name">{name}</h3>
      <ul class="lines">
        {limits.map((limit) => <li key={limit.name}>{limitInWords(limit)}</li>)}
        {credits && <li>{creditsInWords(credits)}</li>}
        {limits.length === 0 && credits === null && <li>{keys.noLimits}</li>}
        {cost !== 1 && <li>{keys.weighs(count(cost))}</li>}
        {!models.includes("*") && <li>{keys.models(models.join(", "))}</li>}
        {days != null && <li>{keys.kept(counted(days, "day", "days"))}</li>}
      </ul>
      {id == null ? (
        <Button kind="primary" onClick={onChoose}>{keys.choose(name)}</Button>
      ) : (
        <p class="actions has">
          <Icon name="done" size={16} />
          {keys.has}
          <a class={buttonClass("quiet", true)} href={`#${id}`}>{keys.toIt}</a>
        </p>
      )}
    </li>
  );
}
