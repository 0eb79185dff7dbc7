import { useCallback, useState } from "preact/hooks";
import { call } from "../api/client";
import type { components } from "../api/schema";
import { Button } from "../parts/Button";
import { Facts } from "../parts/Facts";
import { go, hashOf } from "../parts/hash";
import { Json } from "../parts/Json";
import { LimitBars } from "../parts/LimitBars";
import { Tabs } from "../parts/Tabs";
import { useLoad } from "../parts/useLoad";
import { admin, keysText, overviewText, plansText, rootKeysText } from "../text/admin";
import { moment } from "../text/common";
import { count } from "../text/limits";
import { CreditsDialog } from "./CreditsDialog";
import { KeyLife } from "./KeyLife";
import { LIVE_MS, RANGES, rangeOf, spanOf } from "./ranges";
import { Report } from "./Report";
import { useRootKey } from "./rootKey";
import { Failure } from "./Section";
import { StateBadge } from "./StateBadge";

type KeyDetail = components["schemas"]["KeyDetail"];

/** One key: how it stands, what it may, and what it was used for. */
export function KeyPage({ id, query }: { readonly id: string; readonly query: URLSearchParams }) {
  return (
    <KeyLife kind="keys" id={id} more={(of, onDone) => <CreditsButton of={of} onDone={onDone} />}>
      {(of) => (
        <>
          <div class="halves">
            <KeyFacts of={of} />
            <section class="panel stack" aria-labelledby="limits">
              <h3 id="limits">{keysText.limits}</h3>
              <LimitBars limits={of.limits_in_force} now={of.limits_now} none={keysText.noLimits} />
            </section>
          </div>
          <KeyUsage id={id} query={query} />
        </>
      )}
    </KeyLife>
  );
}

/** One root key. */
export function RootKeyPage({ id }: { readonly id: string }) {
  return <KeyLife kind="root-keys" id={id}>{(of) => <RootKeyFacts of={of} />}</KeyLife>;
}

function CreditsButton({ of, onDone }: { readonly of: KeyDetail; readonly onDone: () => void }) {
  const [isOpen, setOpen] = useState(false);
  const close = (): void => { setOpen(false); };
  return (
    <>
      <Button onClick={() => { setOpen(true); }}>{keysText.credits}</Button>
      {isOpen && <CreditsDialog id={of.id} left={of.credits_left ?? null} onDone={() => { close(); onDone(); }} onClose={close} />}
    </>
  );
}

const list = (values: readonly string[] | null | undefined, otherwise: string): string => (values && values.length > 0 ? values.join(", ") : otherwise);
const named = <S extends string>(scopes: readonly S[] | null | undefined, names: Readonly<Record<S, string>>): readonly string[] | undefined => scopes?.map((scope) => names[scope]);

const begins = (of: KeyDetail) => [
  { name: keysText.state, value: <StateBadge of={of} /> },
  { name: keysText.id, value: <code class="long">{of.id}</code> },
  { name: keysText.start, value: <code>{of.start}…</code> },
];

const times = (of: KeyDetail) => [
  { name: keysText.created, value: moment(of.created_at) },
  { name: keysText.expires, value: of.expires_at == null ? admin.never : moment(of.expires_at) },
  { name: keysText.generation, value: count(of.generation - 1) },
  of.overlap_until_ms == null ? null : { name: keysText.overlap, value: moment(of.overlap_until_ms / 1000) },
];

const bounds = (of: KeyDetail) => [
  of.allowed_ips?.length ? { name: keysText.addresses, value: of.allowed_ips.join(", ") } : null,
  of.allowed_origins?.length ? { name: keysText.origins, value: of.allowed_origins.join(", ") } : null,
];

const notes = ({ metadata }: KeyDetail) => (metadata ? { name: keysText.metadata, value: <Json label={keysText.metadata} value={metadata} /> } : null);

function KeyFacts({ of }: { readonly of: KeyDetail }) {
  const inherited = of.plan == null ? keysText.everything : keysText.fromPlan;
  return (
    <section class="panel">
      <Facts
        facts={[
          ...begins(of),
          { name: keysText.owner, value: of.owner == null ? admin.none : <a href={hashOf("owners", of.owner)}>{of.owner}</a> },
          { name: keysText.plan, value: of.plan == null ? admin.none : <a href={hashOf("plans", of.plan)}>{of.plan}</a> },
          ...times(of),
          of.credits_left == null ? null : { name: keysText.creditsLeft, value: count(of.credits_left) },
          { name: keysText.underWay, value: count(of.under_way) },
          { name: keysText.scopes, value: list(named(of.scopes, plansText.scopeNames), inherited) },
          { name: keysText.models, value: list(of.models, inherited) },
          of.cost == null ? null : { name: keysText.cost, value: count(of.cost) },
          ...bounds(of),
          { name: keysText.selfService, value: of.self_service ? admin.yes : admin.no },
          notes(of),
        ]}
      />
    </section>
  );
}

function RootKeyFacts({ of }: { readonly of: KeyDetail }) {
  const scopes = named(of.admin_scopes, rootKeysText.scopeNames);
  return <section class="panel"><Facts facts={[...begins(of), ...times(of), { name: rootKeysText.scopes, value: list(scopes, admin.none) }, ...bounds(of), notes(of)]} /></section>;
}

function KeyUsage({ id, query }: { readonly id: string; readonly query: URLSearchParams }) {
  const key = useRootKey();
  const range = rangeOf(query.get("range"));
  const load = useCallback((signal: AbortSignal) => call("get", "/admin/keys/{id}/usage", { key, path: { id }, query: spanOf(range), signal }), [key, id, range]);
  const { data, error, reload } = useLoad(load, LIVE_MS);
  return (
    <section class="stack" aria-labelledby="usage">
      <h3 id="usage">{keysText.usage}</h3>
      <Tabs label={overviewText.range} tabs={RANGES} value={range} onSelect={(to) => { go(hashOf("keys", id, { range: to })); }}>
        <div class="stack">
          <Failure error={error} scope="admin:keys" onRetry={reload} />
          {data && <Report report={data} />}
        </div>
      </Tabs>
    </section>
  );
}
