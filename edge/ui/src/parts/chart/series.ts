// What a chart shows, made of a report of usage: the hours or days in which nothing was used have a place in it too.
import type { components } from "../../api/schema";
import { audioSpan, count } from "../../text/limits";
import { milliseconds, usageText } from "../../text/usage";

export type UsageReport = components["schemas"]["UsageReport"];
type Part = components["schemas"]["Part"];

export interface Series {
  readonly label: string;
  /** One for each start; `null`: nothing is known of it. */
  readonly values: readonly (number | null)[];
  /** Which `--series-…` of look/tokens.css. */
  readonly colour: 1 | 2 | 3 | 4;
}

export interface ChartData {
  readonly title: string;
  readonly kind: "stack" | "lines";
  /** Unix seconds. */
  readonly starts: readonly number[];
  /** Where the last part ends. */
  readonly end: number;
  readonly by: "hour" | "day";
  readonly series: readonly Series[];
  readonly format: (value: number) => string;
  /** How far apart its lines may be; else as they come. */
  readonly steps?: readonly number[];
}

const WHOLE = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000, 1_000_000, 10_000_000];
const MINUTE = 60;
const HOUR = 3600;
const TIMES = [...[1, 2, 5, 10, 20, 30], ...[1, 2, 5, 10, 20, 30].map((many) => many * MINUTE), ...WHOLE.map((many) => many * HOUR)];

const SECONDS = { hour: HOUR, day: 86_400 } as const;

type Frame = Pick<ChartData, "starts" | "end" | "by"> & { readonly parts: readonly (Part | undefined)[] };

function frame({ from, to, by, data }: UsageReport): Frame {
  const step = SECONDS[by];
  const parts = new Map(data.map((part) => [part.start, part]));
  const first = Math.floor(from / step) * step;
  const starts = Array.from({ length: Math.max(1, Math.ceil((to - first) / step)) }, (_, index) => first + index * step);
  return { starts, end: first + starts.length * step, by, parts: starts.map((start) => parts.get(start)) };
}

const GROUPS = [
  { label: usageText.series.served, of: ["served"], colour: 1 },
  { label: usageText.series.refused, of: ["rate_limited", "quota_used_up", "concurrency_limited", "credits_used_up"], colour: 2 },
  { label: usageText.series.callers, of: ["client_error", "client_gone"], colour: 3 },
  { label: usageText.series.failed, of: ["upstream_failed", "lost"], colour: 4 },
] as const;

/** Requests by how they ended. */
export function traffic(report: UsageReport): ChartData {
  const { parts, ...rest } = frame(report);
  const sum = (part: Part | undefined, of: readonly string[]): number => of.reduce((total, outcome) => total + (part?.outcomes[outcome] ?? 0), 0);
  const series = GROUPS.map(({ label, of, colour }) => ({ label, colour, values: parts.map((part) => sum(part, of)) }));
  return { ...rest, title: usageText.traffic, kind: "stack", series, format: count, steps: WHOLE };
}

/** How long requests with audio took. */
export function latency(report: UsageReport): ChartData {
  const { parts, ...rest } = frame(report);
  const of = (name: "p50" | "p90" | "p99", colour: 1 | 2 | 4): Series => ({
    label: usageText.percentiles[name],
    colour,
    values: parts.map((part) => part?.latency_ms?.[name] ?? null),
  });
  return { ...rest, title: usageText.latency, kind: "lines", series: [of("p50", 1), of("p90", 2), of("p99", 4)], format: milliseconds };
}

/** How much audio was heard. */
export function audio(report: UsageReport): ChartData {
  const { parts, ...rest } = frame(report);
  const series: Series[] = [{ label: usageText.heard, colour: 1, values: parts.map((part) => part?.audio_seconds ?? 0) }];
  return { ...rest, title: usageText.audio, kind: "stack", series, format: (seconds) => (seconds === 0 ? "0" : audioSpan(Math.round(seconds))), steps: TIMES };
}
