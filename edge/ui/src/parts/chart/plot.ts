// The drawing of a chart by uPlot. It is loaded when the first chart is drawn (Chart.tsx), so that no page waits for it.
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import type { ChartData } from "./series";

/** Colours as the canvas takes them. */
export interface Colours {
  readonly ink: string;
  readonly line: string;
  readonly series: readonly string[];
}

export interface Plot {
  readonly show: (data: ChartData) => void;
  readonly resize: (width: number, height: number) => void;
  readonly destroy: () => void;
}

const FONT = "12px system-ui, sans-serif";
const GAP = 0.7;
const WIDEST_BAR = 48;
/** Wide enough for every letter of the font. */
const LETTER = 7.5;
const NARROWEST_AXIS = 36;

/** Values that stand on one another: each with those below it, the highest first, since later ones are drawn over it. */
function stacked(values: readonly (readonly (number | null)[])[]): (number | null)[][] {
  const below: number[] = [];
  const sums = values.map((row) => row.map((value, at) => (below[at] = (below[at] ?? 0) + (value ?? 0))));
  return sums.reverse();
}

function aligned({ kind, starts, series }: ChartData): uPlot.AlignedData {
  const values = series.map((one) => one.values);
  const rows = kind === "stack" ? stacked(values) : values.map((row) => [...row]);
  return [[...starts], ...rows];
}

const DAY = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric" });
const UTC_DAY = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric", timeZone: "UTC" });
const TIME = new Intl.DateTimeFormat(undefined, { hour: "numeric" });

/** What stands below the lines of time: hours with the day below the first of each. */
function times(splits: readonly number[], by: ChartData["by"]): string[] {
  if (by === "day") return splits.map((at) => UTC_DAY.format(at * 1000));
  const days = splits.map((at) => DAY.format(at * 1000));
  const isDaily = new Set(days).size === days.length && days.length > 2;
  if (isDaily) return days;
  return splits.map((at, index) => (days[index] === days[index - 1] ? TIME.format(at * 1000) : `${TIME.format(at * 1000)}\n${days[index] ?? ""}`));
}

/** Draws into an element, and tells over which part the pointer is; `null`: over none. */
export function draw(element: HTMLElement, first: ChartData, colours: Colours, width: number, height: number, onPoint: (index: number | null) => void): Plot {
  let data = first;
  const { kind, by } = first;
  const bars = uPlot.paths.bars?.({ size: [GAP, WIDEST_BAR], align: 1 });
  const ordered = kind === "stack" ? [...colours.series].reverse() : colours.series;
  const plot = new uPlot(
    {
      width,
      height,
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { show: kind === "lines" } },
      // Days are of UTC, as limits and reports have them.
      tzDate: (seconds) => (by === "day" ? uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC") : new Date(seconds * 1000)),
      scales: {
        x: { range: () => [data.starts[0] ?? 0, data.end] },
        y: { range: (_plot, _min, max) => [0, max > 0 ? max * 1.1 : 1] },
      },
      axes: [
        { stroke: colours.ink, font: FONT, space: 60, values: (_plot, splits) => times(splits, by), grid: { show: false }, ticks: { stroke: colours.line, width: 1, size: 4 } },
        {
          stroke: colours.ink,
          font: FONT,
          size: (_plot, values) => Math.max(NARROWEST_AXIS, 14 + LETTER * Math.max(0, ...((values as string[] | null) ?? []).map(({ length }) => length))),
          grid: { stroke: colours.line, width: 1 },
          ticks: { show: false },
          values: (_plot, splits) => splits.map((value) => data.format(value)),
          ...(first.steps && { incrs: [...first.steps] }),
        },
      ],
      series: [
        {},
        ...ordered.map((colour): uPlot.Series =>
          kind === "stack"
            ? { fill: colour, stroke: colour, width: 0, points: { show: false }, ...(bars && { paths: bars }) }
            : { stroke: colour, width: 2, points: { show: true, size: 5, fill: colour } },
        ),
      ],
      hooks: { setCursor: [({ cursor: { idx, left } }) => { onPoint(idx == null || (left ?? -1) < 0 ? null : idx); }] },
    },
    aligned(first),
    element,
  );
  return {
    show: (next) => {
      data = next;
      plot.setData(aligned(next));
    },
    resize: (to, tall) => { plot.setSize({ width: to, height: tall }); },
    destroy: () => { plot.destroy(); },
  };
}
