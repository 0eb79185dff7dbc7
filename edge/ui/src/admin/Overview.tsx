import { useCallback, useMemo } from "preact/hooks";
import { call } from "../api/client";
import { audio, latency, traffic, type UsageReport } from "../parts/chart/series";
import { Chart } from "../parts/chart/Chart";
import { go, hashOf } from "../parts/hash";
import { Table } from "../parts/Table";
import { Tabs } from "../parts/Tabs";
import { useLoad } from "../parts/useLoad";
import { admin, overviewText } from "../text/admin";
import { bytes } from "../text/common";
import { count } from "../text/limits";
import { milliseconds, usageText } from "../text/usage";
import type { SectionProps } from "./Console";
import { FilterForm } from "./FilterForm";
import { useRootKey } from "./rootKey";
import { Failure, Section } from "./Section";

const LIVE_MS = 5000;

export const RANGES = { "24h": { seconds: 86_400, by: "hour" }, "7d": { seconds: 604_800, by: "hour" }, "30d": { seconds: 2_592_000, by: "day" } } as const;
export type Range = keyof typeof RANGES;
const TABS = (Object.keys(RANGES) as Range[]).map((value) => ({ value, label: overviewText.ranges[value] }));

export const rangeOf = (text: string | null): Range => TABS.find(({ value }) => value === text)?.value ?? "24h";

/** A range as a request asks for it, up to now. */
export function spanOf(range: Range) {
  const { seconds, by } = RANGES[range];
  return { from: Math.floor(Date.now() / 1000) - seconds, by };
}

const FIELDS = [
  { name: "owner", label: overviewText.owner },
  { name: "plan", label: overviewText.plan },
  { name: "key", label: overviewText.key },
] as const;

export function Overview({ place: { query } }: SectionProps) {
  const root = useRootKey();
  const range = rangeOf(query.get("range"));
  const owner = query.get("owner") ?? "";
  const plan = query.get("plan") ?? "";
  const id = query.get("key") ?? "";
  const load = useCallback(
    (signal: AbortSignal): Promise<UsageReport> =>
      id === ""
        ? call("get", "/admin/usage", { key: root, query: { ...spanOf(range), owner, plan }, signal })
        : call("get", "/admin/keys/{id}/usage", { key: root, path: { id }, query: spanOf(range), signal }),
    [root, range, owner, plan, id],
  );
  const { data, error, isStale, reload } = useLoad(load, LIVE_MS);
  const show = (to: Readonly<Record<string, string>>): void => { go(hashOf("overview", "", { range, owner, plan, key: id, ...to })); };
  return (
    <Section title={admin.section.overview} lead={overviewText.lead}>
      <Tabs label={overviewText.range} tabs={TABS} value={range} onSelect={(to) => { show({ range: to }); }}>
        <div class="stack" aria-busy={isStale}>
          <FilterForm key={`${owner} ${plan} ${id}`} label={overviewText.filter} fields={FIELDS} values={{ owner, plan, key: id }} onApply={show} />
          <Failure error={error} scope={id === "" ? "admin:usage" : "admin:keys"} onRetry={reload} />
          {data && <Report report={data} />}
        </div>
      </Tabs>
    </Section>
  );
}

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
