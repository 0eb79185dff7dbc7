// The ranges of time that figures and charts are shown of.
import { optionsOf } from "../parts/options";
import { overviewText } from "../text/admin";

/** How often figures are asked for again. */
export const LIVE_MS = 5000;

const SPANS = { "24h": { seconds: 86_400, by: "hour" }, "7d": { seconds: 604_800, by: "hour" }, "30d": { seconds: 2_592_000, by: "day" } } as const;
type Range = keyof typeof SPANS;

export const RANGES = optionsOf<Range>(overviewText.ranges);

export const rangeOf = (text: string | null): Range => RANGES.find(({ value }) => value === text)?.value ?? "24h";

/** A range as a request asks for it, up to now. */
export function spanOf(range: Range) {
  const { seconds, by } = SPANS[range];
  return { from: Math.floor(Date.now() / 1000) - seconds, by };
}
