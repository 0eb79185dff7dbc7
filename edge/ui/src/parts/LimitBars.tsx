import { useId } from "preact/hooks";
import type { components } from "../api/schema";
import { about, limitInWords, until } from "../text/limits";
import { limitBars } from "../text/limitBars";

type Limit = components["schemas"]["Limit"];
type LimitNow = components["schemas"]["LimitNow"];

interface Props {
  readonly limits: readonly Limit[];
  /** What they stand at; `null`: nobody says. */
  readonly now: readonly LimitNow[] | null;
  /** What is said where there are none. */
  readonly none: string;
}

/** Limits in words, each with how much of it is used. */
export function LimitBars({ limits, now, none }: Props) {
  if (limits.length === 0) return <p class="soft small-text">{none}</p>;
  return (
    <ul class="stack">
      {limits.map((limit) => <Bar key={limit.name} limit={limit} now={now?.find(({ name }) => name === limit.name) ?? null} />)}
    </ul>
  );
}

function Bar({ limit, now }: { readonly limit: Limit; readonly now: LimitNow | null }) {
  const id = useId();
  const words = limitInWords(limit);
  const name = <code class="soft">{limit.name}</code>;
  if (now === null) return <li class="bar-words">{words} {name}</li>;
  const used = Math.max(0, now.limit - now.remaining);
  const again = used > 0 && limit.kind !== "concurrency" ? limitBars.again(until(now.resets_at)) : "";
  return (
    <li class="progress">
      <div class="bar-words"><label for={id}>{words}</label> {name}</div>
      <meter id={id} min={0} max={now.limit} value={used} data-full={now.remaining === 0} />
      <div class="progress-line"><span>{limit.kind === "concurrency" ? limitBars.underWay(used) : limitBars.used(about(used, limit.unit))}</span><span>{again}</span></div>
    </li>
  );
}
