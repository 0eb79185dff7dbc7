import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { usageText } from "../../text/usage";
import { look } from "../look";
import { useStore } from "../store";
import { type Column, Table } from "../Table";
import "./chart.css";
import type { Plot } from "./plot";
import type { ChartData } from "./series";

const HOUR = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" });
const DAY = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric", weekday: "short", timeZone: "UTC" });

const named = (start: number, by: "hour" | "day"): string => (by === "hour" ? HOUR : DAY).format(start * 1000);

/** A chart: drawn for eyes, and as a table for everybody who wants one. */
export function Chart({ data, note }: { readonly data: ChartData; readonly note?: string }) {
  const [pointed, setPointed] = useState<number | null>(null);
  const [asTable, setAsTable] = useState(false);
  const { title, series, starts, by, format } = data;
  const start = pointed === null ? undefined : starts[pointed];
  return (
    <figure class="panel chart" aria-label={title}>
      <figcaption class="chart-head">
        <h3>{title}</h3>
        <span class="soft small-text chart-when">{start === undefined ? note : named(start, by)}</span>
      </figcaption>
      <ul class="chart-legend small-text">
        {series.map(({ label, colour, values }) => {
          const value = pointed === null ? null : values[pointed] ?? null;
          return (
            <li key={label}>
              <span class="swatch" data-series={colour} aria-hidden="true" />
              {label}
              {value !== null && <strong>{format(value)}</strong>}
            </li>
          );
        })}
      </ul>
      <Drawing data={data} onPoint={setPointed} />
      <details onToggle={(event) => { setAsTable(event.currentTarget.open); }}>
        <summary class="small-text">{usageText.asTable(title)}</summary>
        {asTable && <AsTable data={data} />}
      </details>
    </figure>
  );
}

interface DrawingProps {
  readonly data: ChartData;
  readonly onPoint: (index: number | null) => void;
}

/** The canvas. New figures are drawn into the one that is there; only another kind of chart, or look, makes another. */
function Drawing({ data, onPoint }: DrawingProps) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<Plot | null>(null);
  const latest = useRef(data);
  const chosen = useStore(look);
  const shape = `${data.kind} ${data.by} ${String(data.series.length)}`;
  useEffect(() => {
    latest.current = data;
    plot.current?.show(data);
  }, [data]);
  useEffect(() => {
    const element = place.current;
    if (!element) return undefined;
    let isGone = false;
    const size = new ResizeObserver(() => { plot.current?.resize(element.clientWidth, element.clientHeight); });
    void import("./plot").then(({ draw }) => {
      if (isGone) return;
      plot.current = draw(element, latest.current, coloursOf(element), element.clientWidth, element.clientHeight, onPoint);
      size.observe(element);
    });
    return () => {
      isGone = true;
      size.disconnect();
      plot.current?.destroy();
      plot.current = null;
    };
  }, [shape, chosen, onPoint]);
  return <div ref={place} class="chart-area" role="img" aria-label={usageText.chartOf(data.title)} />;
}

/** The tokens' colours, as the browser resolves them: a canvas knows no variables. */
function coloursOf(element: HTMLElement) {
  const swatches = element.parentElement?.querySelectorAll<HTMLElement>(".swatch") ?? [];
  const own = getComputedStyle(element);
  return { ink: own.color, line: own.borderTopColor, series: Array.from(swatches, (swatch) => getComputedStyle(swatch).backgroundColor) };
}

interface Row {
  readonly start: number;
  readonly values: readonly (number | null)[];
}

function AsTable({ data: { title, series, starts, by, format } }: { readonly data: ChartData }) {
  const rows = useMemo(() => {
    const all = starts.map((start, at): Row => ({ start, values: series.map(({ values }) => values[at] ?? null) }));
    return all.filter(({ values }) => values.some((value) => value !== null && value !== 0)).reverse();
  }, [starts, series]);
  if (rows.length === 0) return <p class="soft small-text">{usageText.nothing}</p>;
  const columns: Column<Row>[] = [
    { key: "start", title: usageText[by], cell: ({ start }) => named(start, by) },
    ...series.map(({ label }, at) => ({
      key: label,
      title: label,
      numeric: true,
      cell: ({ values }: Row) => {
        const value = values[at] ?? null;
        return value === null ? "–" : format(value);
      },
    })),
  ];
  return <Table caption={title} columns={columns} rows={rows} keyOf={({ start }) => String(start)} />;
}
