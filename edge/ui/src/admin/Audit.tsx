import { useCallback } from "preact/hooks";
import { call } from "../api/client";
import type { components } from "../api/schema";
import { Empty } from "../parts/Empty";
import { go, hashOf } from "../parts/hash";
import { Json } from "../parts/Json";
import { Moment } from "../parts/Moment";
import { byId, type Column, Table } from "../parts/Table";
import { useLoad } from "../parts/useLoad";
import { admin, auditText } from "../text/admin";
import type { SectionProps } from "./Console";
import { FilterForm } from "./FilterForm";
import { ofField, toField } from "./moments";
import { Pager } from "./Pager";
import { useRootKey } from "./rootKey";
import { Failure, Section } from "./Section";

type AuditEvent = components["schemas"]["AuditEvent"];

const PAGE = 50;

const FIELDS = [
  { name: "actor", label: auditText.actor },
  { name: "action", label: auditText.action },
  { name: "target", label: auditText.target },
  { name: "owner", label: auditText.owner },
  { name: "from", label: auditText.from, type: "datetime-local" },
  { name: "to", label: auditText.to, type: "datetime-local" },
] as const;
type Name = (typeof FIELDS)[number]["name"];

const COLUMNS: readonly Column<AuditEvent>[] = [
  { key: "at", title: auditText.at, cell: ({ at }) => <Moment at={at / 1000} /> },
  { key: "actor", title: auditText.actor, cell: ({ actor }) => <Named what={actor} /> },
  { key: "action", title: auditText.action, cell: ({ action }) => <code>{action}</code> },
  { key: "target", title: auditText.target, cell: ({ target }) => <Named what={target} /> },
  { key: "owner", title: auditText.owner, cell: ({ owner }) => (owner === null ? admin.none : <a class="long" href={hashOf("owners", owner)}>{owner}</a>) },
  { key: "change", title: auditText.change, cell: (event) => <Change of={event} /> },
];

/** What was changed, and by whom. */
export function Audit({ place }: SectionProps) {
  const key = useRootKey();
  const { query } = place;
  const cursor = query.get("cursor") ?? "";
  const asked = query.toString();
  const load = useCallback(
    (signal: AbortSignal) => {
      const of = new URLSearchParams(asked);
      const text = (name: Name | "cursor"): string => of.get(name) ?? "";
      const time = (name: Name): { [name]?: number } => (of.has(name) ? { [name]: Number(of.get(name)) } : {});
      const names = { actor: text("actor"), action: text("action"), target: text("target"), owner: text("owner") };
      return call("get", "/admin/audit", { key, query: { ...names, ...time("from"), ...time("to"), cursor: text("cursor"), limit: PAGE }, signal });
    },
    [key, asked],
  );
  const { data, error, isStale, reload } = useLoad(load);
  const typed = (name: Name): string => {
    const value = query.get(name) ?? "";
    return (name === "from" || name === "to") && value !== "" ? toField(Number(value)) : value;
  };
  const values = Object.fromEntries(FIELDS.map(({ name }) => [name, typed(name)])) as Record<Name, string>;
  const apply = ({ from, to, ...names }: Readonly<Record<Name, string>>): void => {
    go(hashOf("audit", "", { ...names, from: String(ofField(from) ?? ""), to: String(ofField(to) ?? "") }));
  };
  return (
    <Section title={admin.section.audit} lead={auditText.lead}>
      <FilterForm key={cursor === "" ? asked : "page"} label={auditText.filter} fields={FIELDS} values={values} onApply={apply} />
      <Failure error={error} scope="admin:audit" onRetry={reload} />
      {data && (
        <div class="stack" aria-busy={isStale}>
          {data.data.length === 0 && <Empty icon="close" title={auditText.none} />}
          {data.data.length > 0 && <Table caption={auditText.caption} columns={COLUMNS} rows={data.data} keyOf={byId} />}
          <Pager place={place} next={data.next_cursor} />
        </div>
      )}
    </Section>
  );
}

const PLACES = [
  { begin: "key_", at: (id: string) => hashOf("keys", id) },
  { begin: "root_", at: (id: string) => hashOf("root-keys", id) },
  { begin: "plan:", at: (plan: string) => hashOf("plans", plan.slice("plan:".length)) },
] as const;

/** Who changed something, or what was changed; where the console shows it, the way there. */
function Named({ what }: { readonly what: string }) {
  const place = PLACES.find(({ begin }) => what.startsWith(begin));
  return place ? <a class="long" href={place.at(what)}><code>{what}</code></a> : <code class="long">{what}</code>;
}

function Side({ name, value }: { readonly name: string; readonly value: unknown }) {
  return (
    <div>
      <span class="field-label">{name}</span>
      {value == null ? <p>{admin.none}</p> : <Json label={name} value={value} />}
    </div>
  );
}

function Change({ of: { before, after, request_id: request } }: { readonly of: AuditEvent }) {
  return (
    <details>
      <summary>{auditText.show}</summary>
      <div class="stack change">
        <Side name={auditText.before} value={before} />
        <Side name={auditText.after} value={after} />
        <p class="soft small-text">{auditText.request} {request}</p>
      </div>
    </details>
  );
}
