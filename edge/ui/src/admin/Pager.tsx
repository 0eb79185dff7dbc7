import { hashOf, type Place } from "../parts/hash";
import { buttonClass } from "../parts/Button";
import { admin } from "../text/admin";

interface Props {
  readonly place: Place;
  /** Of the page that follows; `null`: this is the last. */
  readonly next: string | null;
}

/** From which page one came to another: the service knows the way forward alone. */
const before = new Map<string, string>();

/** The ways to the pages of a list. Each page is an address, so that the browser's own way back works. */
export function Pager({ place: { section, query }, next }: Props) {
  const cursor = query.get("cursor") ?? "";
  if (next === null && cursor === "") return null;
  // Once alone: what is seen again stands on the page that is being left, and this one is not there yet.
  if (next !== null && !before.has(next)) before.set(next, cursor);
  const to = (page: string): string => hashOf(section, "", { ...Object.fromEntries(query), cursor: page });
  const previous = before.get(cursor);
  return (
    <nav class="actions" aria-label={admin.pages}>
      {cursor !== "" && <a class={buttonClass(undefined, true)} href={to("")}>{admin.first}</a>}
      {cursor !== "" && previous !== undefined && <a class={buttonClass(undefined, true)} href={to(previous)}>{admin.previous}</a>}
      {next !== null && <a class={buttonClass(undefined, true)} href={to(next)}>{admin.next}</a>}
    </nav>
  );
}
