// Limits, credits and times as people say them.
import type { components } from "../api/schema";

type Limit = components["schemas"]["Limit"];
type Credits = components["schemas"]["Credits"];

// Made when it is first needed, and once, as in text/common.ts.
let numbers: Intl.NumberFormat | null = null;

/** A number with its thousands apart. */
export function count(value: number): string {
  numbers ??= new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
  return numbers.format(value);
}

/** A number and what it counts. */
export const counted = (value: number, one: string, many: string): string => `${count(value)} ${value === 1 ? one : many}`;

/** A length of time, in the largest unit that says it exactly enough: "90 seconds", "1 hour", "1.5 hours". */
export function span(seconds: number): string {
  if (seconds >= 172_800) return counted(seconds / 86_400, "day", "days");
  if (seconds >= 3600) return counted(seconds / 3600, "hour", "hours");
  if (seconds >= 120 && seconds % 60 === 0) return counted(seconds / 60, "minute", "minutes");
  return seconds === 60 ? "1 minute" : counted(seconds, "second", "seconds");
}

/** A length of audio: never in days, which nobody measures it by. */
export const audioSpan = (seconds: number): string => (seconds >= 3600 ? counted(seconds / 3600, "hour", "hours") : span(seconds));

const amount = (value: number, unit: Limit["unit"]): string => (unit === "audio_seconds" ? `${audioSpan(value)} of audio` : counted(value, "request", "requests"));

/** What of a limit is used: of much audio its minutes. */
export const about = (value: number, unit: Limit["unit"]): string => amount(unit === "audio_seconds" && value >= 120 ? Math.round(value / 60) * 60 : value, unit);

const windows: Readonly<Record<number, string>> = { 1: "a second", 60: "a minute", 3600: "an hour", 86_400: "in any 24 hours" };

/** One limit, as a line. */
export function limitInWords({ kind, limit, unit, window_seconds: window, period }: Limit): string {
  switch (kind) {
    case "rate":
      return `${amount(limit, unit)} ${windows[window ?? 0] ?? `in any ${span(window ?? 0)}`}`;
    case "quota":
      return `${amount(limit, unit)} each ${period ?? ""}`;
    case "concurrency":
      return `${counted(limit, "request", "requests")} at the same time`;
  }
}

/** Credits, as a line. */
export const creditsInWords = ({ balance, refill }: Credits): string =>
  `${counted(balance, "credit", "credits")} to start with${refill ? `, filled up to ${count(refill.amount)} each ${refill.period}` : ""}`;

/** How long until a moment: "in 12 s", "in 3 h". */
export function until(unixSeconds: number, now = Date.now()): string {
  const left = Math.max(0, Math.ceil(unixSeconds - now / 1000));
  if (left < 120) return `in ${String(left)} s`;
  if (left < 7200) return `in ${String(Math.ceil(left / 60))} min`;
  return left < 172_800 ? `in ${String(Math.ceil(left / 3600))} h` : `in ${String(Math.ceil(left / 86_400))} days`;
}
