import { useCallback, useState } from "preact/hooks";
import { call } from "../api/client";
import type { components } from "../api/schema";
import { Chart } from "../parts/chart/Chart";
import { latency, traffic } from "../parts/chart/series";
import { Confirm } from "../parts/Confirm";
import { Button, buttonClass } from "../parts/Button";
import { go, hashOf } from "../parts/hash";
import { Json } from "../parts/Json";
import { LimitBars } from "../parts/LimitBars";
import { RotateDialog } from "../parts/RotateDialog";
import { Secret } from "../parts/Secret";
import { Tabs } from "../parts/Tabs";
import { say } from "../parts/Toasts";
import { useAct } from "../parts/useAct";
import { useLoad } from "../parts/useLoad";
import { admin, keysText, overviewText } from "../text/admin";
import { moment } from "../text/common";
import { count } from "../text/limits";
import { CreditsDialog } from "./CreditsDialog";
import { EditKey } from "./EditKey";
import { Facts } from "../parts/Facts";
import { StateBadge } from "./Keys";
import { RANGES, type Range, rangeOf, spanOf } from "./Overview";
import { useRootKey } from "./rootKey";
import { Failure, Section } from "./Section";

type KeyDetail = components["schemas"]["KeyDetail"];

const LIVE_MS = 5000;
type Dialog = "credits" | "rotate" | "revoke";

/** One key: how it stands, what it may, what it was used for, and every step of its life. */
export function KeyPage({ id, query }: { readonly id: string; readonly query: URLSearchParams }) {
  const root = useRootKey();
  const load = useCallback((signal: AbortSignal): Promise<KeyDetail> => call("get", "/admin/keys/{id}", { key: root, path: { id }, signal }), [root, id]);
  const { data, error, reload } = useLoad(load, LIVE_MS);
  const [open, setOpen] = useState<Dialog | null>(null);
  const [edited, setEdited] = useState<KeyDetail | null>(null);
  const [secret, setSecret] = useState<string | null>(null);
  const { isBusy, error: refused, act } = useAct();
  const close = (): void => { setOpen(null); };
  const isRevoked = data?.revoked_at != null;

  const flip = (enabled: boolean): void => {
    void act(async () => {
      await call("patch", "/admin/keys/{id}", { key: root, path: { id }, body: { enabled } });
      say(enabled ? keysText.switchedOn : keysText.switchedOff);
      reload();
    });
  };
  // What is shown may be some seconds old, older than what was just done here: a change begins with the key as it is.
  const edit = (): void => {
    void act(async () => { setEdited(await load(new AbortController().signal)); });
  };
  const revoke = async (): Promise<void> => {
    await call("delete", "/admin/keys/{id}", { key: root, path: { id } });
    say(keysText.revoked);
    reload();
  };

  return (
    <Section title={data?.name ?? id} actions={<a class={buttonClass()} href={hashOf("keys")}>{admin.back}</a>}>
      <Failure error={error} scope="admin:keys" onRetry={reload} />
      <Failure error={refused} scope="admin:keys" />
      {secret !== null && (
        <Secret title={keysText.rotated} label={keysText.theKey} copyLabel={keysText.copyKey} value={secret} onDone={() => { setSecret(null); }} />
      )}
      {data && (
        <>
          {!isRevoked && (
            <div class="actions">
              <Button disabled={isBusy || edited !== null} onClick={edit}>{keysText.edit}</Button>
              <Button disabled={isBusy} onClick={() => { flip(!data.enabled); }}>{data.enabled ? keysText.switchOff : keysText.switchOn}</Button>
              <Button onClick={() => { setOpen("credits"); }}>{keysText.credits}</Button>
              <Button onClick={() => { setOpen("rotate"); }}>{keysText.rotate}</Button>
              <Button kind="danger" onClick={() => { setOpen("revoke"); }}>{keysText.revoke}</Button>
            </div>
          )}
          {edited && <EditKey of={edited} onDone={() => { setEdited(null); reload(); }} onCancel={() => { setEdited(null); }} />}
          <div class="halves">
            <KeyFacts of={data} />
            <section class="panel stack" aria-labelledby="limits">
              <h3 id="limits">{keysText.limits}</h3>
              <LimitBars limits={data.limits_in_force} now={data.limits_now} none={keysText.noLimits} />
            </section>
          </div>
          <KeyUsage id={id} query={query} />
        </>
      )}
      {data && open === "credits" && <CreditsDialog id={id} left={data.credits_left ?? null} onDone={() => { close(); reload(); }} onClose={close} />}
      {open === "rotate" && (
        <RotateDialog
          rotate={async (body, headers) => (await call("post", "/admin/keys/{id}/rotate", { key: root, path: { id }, body, headers })).key}
          onRotated={(key) => { setSecret(key); reload(); }}
          onClose={close}
        />
      )}
      {open === "revoke" && (
        <Confirm title={keysText.revokeTitle} label={keysText.revoke} onConfirm={revoke} onClose={close}><p>{keysText.revokeLead}</p></Confirm>
      )}
    </Section>
  );
}

function KeyFacts({ of }: { readonly of: KeyDetail }) {
  const list = (values: readonly string[] | null | undefined, otherwise: string): string => (values && values.length > 0 ? values.join(", ") : otherwise);
  const inherited = of.plan == null ? keysText.everything : keysText.fromPlan;
  return (
    <section class="panel">
      <Facts
        facts={[
          { name: keysText.state, value: <StateBadge of={of} /> },
          { name: keysText.id, value: <code class="long">{of.id}</code> },
          { name: keysText.start, value: <code>{of.start}…</code> },
          { name: keysText.owner, value: of.owner == null ? admin.none : <a href={hashOf("owners", of.owner)}>{of.owner}</a> },
          { name: keysText.plan, value: of.plan == null ? admin.none : <a href={hashOf("plans", of.plan)}>{of.plan}</a> },
          { name: keysText.created, value: moment(of.created_at) },
          { name: keysText.expires, value: of.expires_at == null ? admin.never : moment(of.expires_at) },
          { name: keysText.generation, value: count(of.generation - 1) },
          of.overlap_until_ms == null ? null : { name: keysText.overlap, value: moment(of.overlap_until_ms / 1000) },
          of.credits_left == null ? null : { name: keysText.creditsLeft, value: count(of.credits_left) },
          { name: keysText.underWay, value: count(of.under_way) },
          { name: keysText.scopes, value: list(of.scopes, inherited) },
          { name: keysText.models, value: list(of.models, inherited) },
          of.cost == null ? null : { name: keysText.cost, value: count(of.cost) },
          of.allowed_ips?.length ? { name: keysText.addresses, value: of.allowed_ips.join(", ") } : null,
          of.allowed_origins?.length ? { name: keysText.origins, value: of.allowed_origins.join(", ") } : null,
          { name: keysText.selfService, value: of.self_service ? admin.yes : admin.no },
          of.metadata ? { name: keysText.metadata, value: <Json label={keysText.metadata} value={of.metadata} /> } : null,
        ]}
      />
    </section>
  );
}

const TABS = (Object.keys(RANGES) as Range[]).map((value) => ({ value, label: overviewText.ranges[value] }));

function KeyUsage({ id, query }: { readonly id: string; readonly query: URLSearchParams }) {
  const root = useRootKey();
  const range = rangeOf(query.get("range"));
  const load = useCallback((signal: AbortSignal) => call("get", "/admin/keys/{id}/usage", { key: root, path: { id }, query: spanOf(range), signal }), [root, id, range]);
  const { data, error, reload } = useLoad(load, LIVE_MS);
  return (
    <section class="stack" aria-labelledby="usage">
      <h3 id="usage">{keysText.usage}</h3>
      <Tabs label={overviewText.range} tabs={TABS} value={range} onSelect={(to) => { go(hashOf("keys", id, { range: to })); }}>
        <div class="stack">
          <Failure error={error} scope="admin:keys" onRetry={reload} />
          {data && <div class="charts"><Chart data={traffic(data)} /><Chart data={latency(data)} /></div>}
        </div>
      </Tabs>
    </section>
  );
}
