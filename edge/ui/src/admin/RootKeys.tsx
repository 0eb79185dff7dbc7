import { useCallback, useState } from "preact/hooks";
import { call } from "../api/client";
import type { components } from "../api/schema";
import { Button, buttonClass } from "../parts/Button";
import { Confirm } from "../parts/Confirm";
import { Empty } from "../parts/Empty";
import { hashOf } from "../parts/hash";
import { Moment } from "../parts/Moment";
import { type Column, Table } from "../parts/Table";
import { say } from "../parts/Toasts";
import { useLoad } from "../parts/useLoad";
import { admin, keysText, rootKeysText } from "../text/admin";
import type { SectionProps } from "./Console";
import { StateBadge } from "./Keys";
import { NewRootKey } from "./NewRootKey";
import { Pager } from "./Pager";
import { useRootKey } from "./rootKey";
import { Failure, Section } from "./Section";

type KeySummary = components["schemas"]["KeySummary"];

/** The root keys. */
export function RootKeys({ place }: SectionProps) {
  const key = useRootKey();
  const cursor = place.query.get("cursor") ?? "";
  const load = useCallback((signal: AbortSignal) => call("get", "/admin/root-keys", { key, query: { cursor }, signal }), [key, cursor]);
  const { data, error, isStale, reload } = useLoad(load);
  const [doomed, setDoomed] = useState<KeySummary | null>(null);
  const revoke = async (id: string): Promise<void> => {
    await call("delete", "/admin/root-keys/{id}", { key, path: { id } });
    say(keysText.revoked);
    reload();
  };
  const columns: readonly Column<KeySummary>[] = [
    { key: "name", title: rootKeysText.name, cell: ({ name }) => <span class="long" dir="auto">{name}</span> },
    { key: "start", title: keysText.start, cell: ({ start }) => <code>{start}…</code> },
    { key: "state", title: keysText.state, cell: (of) => <StateBadge of={of} /> },
    { key: "created", title: keysText.created, cell: ({ created_at: at }) => <Moment at={at} /> },
    {
      key: "revoke",
      title: keysText.revoke,
      isAction: true,
      cell: (of) => of.revoked_at == null && <Button small onClick={() => { setDoomed(of); }}>{keysText.revoke}</Button>,
    },
  ];
  if (place.id === "new") return <NewRootKey onMade={reload} />;
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
          {data.data.length > 0 && <Table caption={rootKeysText.caption} columns={columns} rows={data.data} keyOf={({ id }) => id} />}
          <Pager place={place} next={data.next_cursor} />
        </div>
      )}
      {doomed && (
        <Confirm title={rootKeysText.revokeTitle} label={keysText.revoke} onConfirm={() => revoke(doomed.id)} onClose={() => { setDoomed(null); }}>
          <p dir="auto">{doomed.name}</p>
          <p>{keysText.revokeLead}</p>
        </Confirm>
      )}
    </Section>
  );
}
