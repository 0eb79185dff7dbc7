import type { PortalPlan } from "../api/portal";
import { Button, buttonClass } from "../parts/Button";
import { Icon } from "../parts/Icon";
import { PlanLines } from "../parts/PlanLines";
import { keys } from "../text/keys";

/** A plan: what a key on it may, in words. */
export function PlanCard({ plan, onChoose }: { readonly plan: PortalPlan; readonly onChoose: () => void }) {
  const { name, key_id: id } = plan;
  return (
    <li class="panel stack" aria-label={name}>
      <h3 class="plan-name">{name}</h3>
      <PlanLines plan={plan} />
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
