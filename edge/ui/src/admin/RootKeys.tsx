import { useCallback } from "preact/hooks";
import { call } from "../api/client";
import type { components } from "../api/schema";
import { buttonClass } from "../parts/Button";
import { Empty } from "../parts/Empty";
import { hashOf } from "../parts/hash";
import { Moment } from "../parts/Moment";
import { byId, type Column, Table } from "../parts/Table";
import { useLoad } from "../parts/useLoad";
import { admin, keysText, rootKeysText } from "../text/admin";
import type { SectionProps } from "./Console";
import { RootKeyPage } from "./KeyPage";
import { NewRootKey } from "./NewRootKey";
import { Pager } from "./Pager";
import { useRootKey } from "./rootKey";
import { Failure, Section } from "./Section";
import { StateBadge } from "./StateBadge";

type KeySummary = components["schemas"]["KeySummary"];

const COLUMNS: readonly Column<KeySummary>[] = [
  { key: "name", title: keysText.name, cell: ({ id, name }) => <a class="long" dir="auto" href={hashOf("root-keys", id)}>{name}</a> },
  { key: "start", title: keysText.start, cell: ({ start }) => <code>{start}…</code> },
  { key: "state", title: keysText.state, cell: (of) => <StateBadge of={of} /> },
  { key: "created", title: keysText.created, cell: ({ created_at: at }) => <Moment at={at} /> },
  { key: "expires", title: keysText.expires, cell: ({ expires_at: at }) => (at === null ? admin.never : <Moment at={at} />) },
];

export function RootKeys({ place }: SectionProps) {
  if (place.id === "new") return <NewRootKey />;
  if (place.id !== "") return <RootKeyPage key={place.id} id={place.id} />;
  return <RootKeyList place={place} />;
}

function RootKeyList({ place }: SectionProps) {
  const key = useRootKey();
  const cursor = place.query.get("cursor") ?? "";
  const load = useCallback((signal: AbortSignal) => call("get", "/admin/root-keys", { key, query: { cursor }, signal }), [key, cursor]);
  const { data, error, isStale, reload } = useLoad(load);
  return (
    <Section
      title={admin.section["root-keys"]}
      lead={rootKeysText.lead}
      actions={<a class={buttonClass("primary")} href={hashOf("root-keys", "new")}>{rootKeysText.make}</a>}
    >
      <Failure error={error} scope="admin:*" onRetry={reload} />
      {data && (
        <div class="stack" aria-busy={isStale}>
          {data.data.length === 0 && <Empty icon="close" title={rootKeysText.none}><p>{rootKeysText.noneHint}</p></Empty>}
          {data.data.length > 0 && <Table caption={rootKeysText.caption} columns={COLUMNS} rows={data.data} keyOf={byId} />}
          <Pager place={place} next={data.next_cursor} />
        </div>
      )}
    </Section>
  );
}
