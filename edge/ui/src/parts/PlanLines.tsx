import type { components } from "../api/schema";
import { count, counted, creditsInWords, limitInWords } from "../text/limits";
import { planText } from "../text/plan";

interface Props {
  readonly plan: {
    readonly limits: readonly components["schemas"]["Limit"][];
    readonly credits?: components["schemas"]["Credits"] | null;
    readonly cost: number;
    readonly models: readonly string[];
    readonly retention_days?: number | null;
  };
  /** Whether the limits' names are shown: for those who change them. */
  readonly named?: boolean;
}

/** What a key on a plan may, in words. */
export function PlanLines({ plan: { limits, credits, cost, models, retention_days: days }, named = false }: Props) {
  return (
    <ul class="lines">
      {limits.map((limit) => (
        <li key={limit.name} class="bar-words"><span>{limitInWords(limit)}</span> {named && <code class="soft">{limit.name}</code>}</li>
      ))}
      {credits && <li>{creditsInWords(credits)}</li>}
      {limits.length === 0 && !credits && <li>{planText.noLimits}</li>}
      {cost !== 1 && <li>{planText.weighs(count(cost))}</li>}
      {!models.includes("*") && <li class="long">{planText.models(models.join(", "))}</li>}
      {days != null && <li>{planText.kept(counted(days, "day", "days"))}</li>}
    </ul>
  );
}
