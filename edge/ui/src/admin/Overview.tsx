import { useCallback } from "preact/hooks";
import { call } from "../api/client";
import type { UsageReport } from "../parts/chart/series";
import { go, hashOf } from "../parts/hash";
import { Tabs } from "../parts/Tabs";
import { useLoad } from "../parts/useLoad";
import { admin, overviewText } from "../text/admin";
import type { SectionProps } from "./Console";
import { FilterForm } from "./FilterForm";
import { LIVE_MS, RANGES, rangeOf, spanOf } from "./ranges";
import { Report } from "./Report";
import { useRootKey } from "./rootKey";
import { Failure, Section } from "./Section";

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
      <Tabs label={overviewText.range} tabs={RANGES} value={range} onSelect={(to) => { show({ range: to }); }}>
        <div class="stack" aria-busy={isStale}>
          <FilterForm key={`${owner} ${plan} ${id}`} label={overviewText.filter} fields={FIELDS} values={{ owner, plan, key: id }} onApply={show} />
          <Failure error={error} scope={id === "" ? "admin:usage" : "admin:keys"} onRetry={reload} />
          {data && <Report report={data} />}
        </div>
      </Tabs>
    </Section>
  );
}
