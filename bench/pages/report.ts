// The figures as tables for people (Markdown, so that they can go into docs/performance.md), each beside its target.
import { readFileSync } from "node:fs";
import { availableParallelism, loadavg } from "node:os";

/** Where a figure has to lie. */
export type Target = { readonly most: number } | { readonly least: number };

export interface Figure {
  /** What was measured, each time. */
  readonly values: readonly number[];
  readonly unit?: string;
  /** Without one it is only shown. */
  readonly target?: Target;
  /** Stands before the number: the clock measures no less. */
  readonly atMost?: boolean;
}

export interface Row {
  readonly name: string;
  /** In the order of the table's columns. */
  readonly figures: readonly Figure[];
}

export interface Table {
  /** The command that measures it, and how. */
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly Row[];
  /** What a reader must know to judge it. */
  readonly notes?: readonly string[];
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)];
  const lower = sorted[Math.floor((sorted.length - 1) / 2)];
  // A figure that was not measured is none, and holds nothing.
  return upper === undefined || lower === undefined ? NaN : (lower + upper) / 2;
}

/** Whether it lies where it has to; one that is no number does not. */
export function holds({ values, target }: Figure): boolean {
  if (target === undefined) return true;
  const value = median(values);
  return "most" in target ? value <= target.most : value >= target.least;
}

export const isHeld = ({ rows }: Table): boolean => rows.every(({ figures }) => figures.every(holds));

/** The processor, how busy it was before, and the time. */
export function machine(): string {
  const model = /^model name\s*: (.+)$/m.exec(read("/proc/cpuinfo"))?.[1] ?? "unknown processor";
  const load = loadavg()[0]?.toFixed(2) ?? "?";
  const now = new Date().toISOString().slice(0, 16).replace("T", " ");
  return `${model}, ${String(availableParallelism())} cores, load average before ${load}; ${now} UTC`;
}

export function textOf({ title, columns, rows, notes = [] }: Table): string {
  const head = ["", ...columns];
  const body = rows.map(({ name, figures }) => [name, ...columns.map((_, at) => cell(figures[at]))]);
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  const table = [line(head), line(head.map(() => "---")), ...body.map(line)];
  return [title, "", ...table, ...notes.flatMap((note) => ["", note]), ""].join("\n");
}

function cell(figure: Figure | undefined): string {
  if (figure === undefined) return "";
  const { values, unit = "", target, atMost = false } = figure;
  const shown = `${atMost ? "≤ " : ""}${number(median(values))}${unit}`;
  const [least, most] = [number(Math.min(...values)), number(Math.max(...values))];
  const spread = least === most ? "" : ` (${least}–${most})`;
  const wanted = target === undefined ? "" : `; ${"most" in target ? `≤ ${number(target.most)}` : `≥ ${number(target.least)}`}: ${holds(figure) ? "holds" : "MISSED"}`;
  return `${shown}${spread}${wanted}`;
}

const number = (value: number): string => (Number.isInteger(value) || Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(1));

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
