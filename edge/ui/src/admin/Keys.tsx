import { useCallback, useState } from "preact/hooks";
import { call } from "../api/client";
import type { components } from "../api/schema";
import { Button, buttonClass } from "../parts/Button";
import { Empty } from "../parts/Empty";
import { Select, TextField } from "../parts/Field";
import { go, hashOf, type Place } from "../parts/hash";
import { Moment } from "../parts/Moment";
import { optionsOf } from "../parts/options";
import { byId, type Column, Table } from "../parts/Table";
import { useLoad } from "../parts/useLoad";
import { admin, keysText } from "../text/admin";
import type { SectionProps } from "./Console";
import { KeyPage } from "./KeyPage";
import { NewKey } from "./NewKey";
import { Pager } from "./Pager";
import { useRootKey } from "./rootKey";
import { Failure, Section } from "./Section";
import { StateBadge } from "./StateBadge";

type KeySummary = components["schemas"]["KeySummary"];

/** Keys a page: as many as are drawn at once without being felt. */
const PAGE = 100;

const COLUMNS: readonly Column<KeySummary>[] = [
  { key: "name", title: keysText.name, cell: ({ id, name }) => <a class="long" dir="auto" href={hashOf("keys", id)}>{name}</a> },
  { key: "start", title: keysText.start, cell: ({ start }) => <code>{start}…</code> },
  { key: "owner", title: keysText.owner, cell: ({ owner }) => (owner === null ? admin.none : <a href={hashOf("owners", owner)}>{owner}</a>) },
  { key: "plan", title: keysText.plan, cell: ({ plan }) => (plan == null ? admin.none : <a href={hashOf("plans", plan)}>{plan}</a>) },
  { key: "state", title: keysText.state, cell: (key) => <StateBadge of={key} /> },
  { key: "created", title: keysText.created, cell: ({ created_at: at }) => <Moment at={at} /> },
];

export function Keys({ place }: SectionProps) {
  if (place.id === "new") return <NewKey />;
  if (place.id !== "") return <KeyPage key={place.id} id={place.id} query={place.query} />;
  return <KeysList place={place} />;
}

function KeysList({ place }: { readonly place: Place }) {
  const key = useRootKey();
  const { query } = place;
  const owner = query.get("owner") ?? "";
  const plan = query.get("plan") ?? "";
  const enabled = query.get("enabled") ?? "";
  const cursor = query.get("cursor") ?? "";
  const load = useCallback(
    (signal: AbortSignal) => {
      const state = enabled === "" ? {} : { enabled: enabled === "true" };
      return call("get", "/admin/keys", { key, query: { owner, plan, cursor, limit: PAGE, ...state }, signal });
    },
    [key, owner, plan, enabled, cursor],
  );
  const { data, error, isStale, reload } = useLoad(load);
  return (
    <Section title={admin.section.keys} actions={<a class={buttonClass("primary")} href={hashOf("keys", "new")}>{keysText.make}</a>}>
      <Search key={`${owner} ${plan} ${enabled}`} owner={owner} plan={plan} enabled={enabled} />
      <Failure error={error} scope="admin:keys" onRetry={reload} />
      {data && (
        <div class="stack" aria-busy={isStale}>
          {data.data.length === 0 && data.next_cursor === null && <Empty icon="close" title={keysText.none}><p>{keysText.noneHint}</p></Empty>}
          {data.data.length === 0 && data.next_cursor !== null && <p class="soft">{admin.noMore}</p>}
          {data.data.length > 0 && <Table caption={keysText.caption} columns={COLUMNS} rows={data.data} keyOf={byId} />}
          <Pager place={place} next={data.next_cursor} />
        </div>
      )}
    </Section>
  );
}

type By = keyof typeof keysText.by;
type Enabled = keyof typeof keysText.enabled;
const BY = optionsOf(keysText.by);
const ENABLED = optionsOf(keysText.enabled);

interface SearchProps {
  readonly owner: string;
  readonly plan: string;
  readonly enabled: string;
}

// What is typed is its own affair: a list of many keys is not drawn anew at each letter.
function Search({ owner, plan, enabled }: SearchProps) {
  const [by, setBy] = useState<By>(owner === "" && plan !== "" ? "plan" : "owner");
  const [text, setText] = useState(owner === "" ? plan : owner);
  const [state, setState] = useState<Enabled>(enabled === "true" || enabled === "false" ? enabled : "");
  const search = (event: SubmitEvent): void => {
    event.preventDefault();
    const meant = text.trim();
    if (by === "id" || /^key_[0-9A-Za-z]{20}$/.test(meant)) go(hashOf("keys", meant));
    else go(hashOf("keys", "", { [by]: meant, enabled: state }));
  };
  return (
    <form class="panel filter" role="search" aria-label={keysText.searchLabel} onSubmit={search}>
      <Select label={keysText.searchBy} value={by} options={BY} onInput={setBy} />
      <TextField label={keysText.search} type="search" value={text} autocomplete="off" spellcheck={false} onInput={setText} />
      <Select label={keysText.state} value={state} options={ENABLED} onInput={setState} />
      <Button type="submit">{keysText.find}</Button>
    </form>
  );
}
