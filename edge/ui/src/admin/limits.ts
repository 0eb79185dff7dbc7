// Limits and credits while they are being typed.
import type { components } from "../api/schema";

export type Limit = components["schemas"]["Limit"];
type Credits = components["schemas"]["Credits"];
type Period = components["schemas"]["Period"];

export interface LimitDraft {
  /** Tells it from the others while it has no name. */
  readonly at: number;
  readonly name: string;
  readonly kind: Limit["kind"];
  readonly unit: NonNullable<Limit["unit"]>;
  readonly most: string;
  readonly window: string;
  readonly period: Period;
}

let last = 0;
const at = (): number => (last += 1);

export const newLimit = (): LimitDraft => ({ at: at(), name: "", kind: "rate", unit: "requests", most: "60", window: "60", period: "day" });

export const draftsOf = (limits: readonly Limit[]): LimitDraft[] =>
  limits.map(({ name, kind, unit, limit, window_seconds: window, period }) => ({
    at: at(),
    name,
    kind,
    unit: unit ?? "requests",
    most: String(limit),
    window: String(window ?? 60),
    period: period ?? "day",
  }));

/** As they are sent. What is not a number is sent as none, and the service says which one it misses. */
export const limitsOf = (drafts: readonly LimitDraft[]): Limit[] =>
  drafts.map(({ name, kind, unit, most, window, period }) => ({
    name: name.trim(),
    kind,
    limit: Number(most),
    ...(kind !== "concurrency" && { unit }),
    ...(kind === "rate" && { window_seconds: Number(window) }),
    ...(kind === "quota" && { period }),
  }));

export interface CreditsDraft {
  readonly isCounted: boolean;
  readonly balance: string;
  readonly refill: "" | Period;
  readonly amount: string;
}

export const creditsDraft = (credits: Credits | null | undefined): CreditsDraft => ({
  isCounted: credits != null,
  balance: String(credits?.balance ?? 100),
  refill: credits?.refill?.period ?? "",
  amount: String(credits?.refill?.amount ?? 100),
});

export const creditsOf = ({ isCounted, balance, refill, amount }: CreditsDraft): Credits | null =>
  isCounted ? { balance: Number(balance), ...(refill !== "" && { refill: { amount: Number(amount), period: refill } }) } : null;
