import { useMemo } from "preact/hooks";
import { Chart } from "../parts/chart/Chart";
import { audio, latency, traffic, type UsageReport } from "../parts/chart/series";
import { Table } from "../parts/Table";
import { admin, overviewText } from "../text/admin";
import { bytes } from "../text/common";
import { count } from "../text/limits";
import { milliseconds, usageText } from "../text/usage";

/** Figures and charts of a report. */
export function Report({ report }: { readonly report: UsageReport }) {
  const charts = useMemo(() => [traffic(report), latency(report), audio(report)] as const, [report]);
  const { total } = report;
  const of = (...outcomes: string[]): number => outcomes.reduce((sum, outcome) => sum + (total.outcomes[outcome] ?? 0), 0);
  const refused = of("rate_limited", "quota_used_up", "concurrency_limited", "credits_used_up");
  const share = (part: number): string => (total.requests === 0 ? admin.none : overviewText.percent(part / total.requests));
  const tiles = [
    { name: overviewText.requests, value: count(total.requests), detail: null },
    { name: overviewText.served, value: count(of("served")), detail: overviewText.ofAll(share(of("served"))) },
    { name: overviewText.refused, value: count(refused), detail: overviewText.ofAll(share(refused)) },
    {
      name: overviewText.p50,
      value: total.latency_ms ? milliseconds(total.latency_ms.p50) : admin.none,
      detail: total.latency_ms ? overviewText.p99(milliseconds(total.latency_ms.p99)) : null,
    },
    { name: overviewText.audio, value: overviewText.heard(total.audio_seconds), detail: overviewText.uploads(bytes(total.bytes)) },
  ];
  const outcomes = Object.entries(total.outcomes).filter(([, times]) => times > 0);
  return (
    <>
      <dl class="tiles" aria-label={overviewText.figures}>
        {tiles.map(({ name, value, detail }) => (
          <div key={name} class="panel tile">
            <dt>{name}</dt>
            <dd><strong>{value}</strong>{detail !== null && <span class="soft small-text">{detail}</span>}</dd>
          </div>
        ))}
      </dl>
      <div class="charts">
        <Chart data={charts[0]} />
        <Chart data={charts[1]} note={usageText.latencyNote} />
        <Chart data={charts[2]} />
        <Table
          caption={overviewText.outcomes}
          rows={outcomes}
          keyOf={([outcome]) => outcome}
          columns={[
            { key: "outcome", title: overviewText.outcome, cell: ([outcome]) => usageText.outcomes[outcome] ?? outcome },
            { key: "requests", title: overviewText.requests, numeric: true, cell: ([, times]) => count(times) },
            { key: "share", title: overviewText.share, numeric: true, cell: ([, times]) => share(times) },
          ]}
        />
      </div>
    </>
  );
}
