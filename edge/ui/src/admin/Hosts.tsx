import { useCallback } from "preact/hooks";
import { call } from "../api/client";
import type { components } from "../api/schema";
import { Empty } from "../parts/Empty";
import { type Column, Table } from "../parts/Table";
import { useLoad } from "../parts/useLoad";
import { admin, hostsText } from "../text/admin";
import { milliseconds } from "../text/usage";
import { Badge } from "../parts/Badge";
import { useRootKey } from "./rootKey";
import { Failure, Section } from "./Section";

type Host = components["schemas"]["HostView"];

const LIVE_MS = 3000;
const KINDS = { healthy: "good", unknown: "plain", draining: "warning", ejected: "danger" } as const;

const secondsTo = (unixSeconds: number): number => Math.max(0, Math.round(unixSeconds - Date.now() / 1000));

const COLUMNS: readonly Column<Host>[] = [
  { key: "url", title: hostsText.host, cell: ({ url }) => <code>{url}</code> },
  {
    key: "health",
    title: hostsText.health,
    cell: ({ health, out_until: out }) => (
      <>
        <Badge kind={KINDS[health]}>{hostsText.states[health]}</Badge>
        {out !== null && <span class="soft small-text"> {hostsText.outUntil(secondsTo(out))}</span>}
      </>
    ),
  },
  { key: "free", title: hostsText.free, numeric: true, cell: ({ load }) => load?.free ?? admin.none },
  { key: "queue", title: hostsText.queue, numeric: true, cell: ({ load }) => (load ? milliseconds(load.queue_ms) : admin.none) },
  { key: "sent", title: hostsText.sent, numeric: true, cell: ({ sent }) => sent },
  { key: "models", title: hostsText.models, cell: ({ load }) => load?.models.join(", ") ?? admin.none },
  { key: "heard", title: hostsText.heard, cell: ({ heard_at: at }) => (at === null ? admin.never : hostsText.ago(Math.max(0, Math.round(Date.now() / 1000 - at)))) },
  { key: "sources", title: hostsText.sources, cell: ({ sources }) => sources.map((source) => hostsText.sourceNames[source]).join(", ") },
];

export function Hosts() {
  const key = useRootKey();
  const load = useCallback((signal: AbortSignal) => call("get", "/admin/hosts", { key, signal }), [key]);
  const { data, error, reload } = useLoad(load, LIVE_MS);
  return (
    <Section title={admin.section.hosts} lead={hostsText.lead}>
      <Failure error={error} scope="admin:hosts" onRetry={reload} />
      {data?.data.length === 0 && <Empty icon="speech" title={hostsText.none}><p>{hostsText.noneHint}</p></Empty>}
      {data && data.data.length > 0 && <Table caption={hostsText.caption} columns={COLUMNS} rows={data.data} keyOf={({ url }) => url} />}
    </Section>
  );
}
