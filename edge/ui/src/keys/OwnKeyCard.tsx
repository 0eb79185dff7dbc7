import { useCallback, useState } from "preact/hooks";
import { keyUsage, revokeKey, rotateKey } from "../api/portal";
import type { components } from "../api/schema";
import { Badge } from "../parts/Badge";
import { Button } from "../parts/Button";
import { Chart } from "../parts/chart/Chart";
import { traffic } from "../parts/chart/series";
import { Confirm } from "../parts/Confirm";
import { Facts } from "../parts/Facts";
import { LimitBars } from "../parts/LimitBars";
import { Moment } from "../parts/Moment";
import { RotateDialog } from "../parts/RotateDialog";
import { Sentence } from "../parts/Sentence";
import { say } from "../parts/Toasts";
import { useLoad } from "../parts/useLoad";
import { keys } from "../text/keys";
import { count } from "../text/limits";
import { planText } from "../text/plan";
import { Refusal } from "./Refusal";

type KeyDetail = components["schemas"]["KeyDetail"];

interface Props {
  readonly of: KeyDetail;
  readonly guard: (what: () => Promise<void>) => Promise<void>;
  readonly onRotated: (key: string) => void;
}

/** One of one's own keys. */
export function OwnKeyCard({ of, guard, onRotated }: Props) {
  const [open, setOpen] = useState<"rotate" | "revoke" | null>(null);
  const [hasUsage, setHasUsage] = useState(false);
  const close = (): void => { setOpen(null); };
  const { id, name, self_service: isOwn } = of;
  return (
    <li class="panel stack own-key" id={id} aria-label={name}>
      <div class="section-head">
        <h3 dir="auto">{name}</h3>
        <div class="actions">
          <State of={of} />
          {isOwn && <Button small onClick={() => { setOpen("rotate"); }}>{keys.rotate}</Button>}
          {isOwn && <Button small kind="danger" onClick={() => { setOpen("revoke"); }}>{keys.revoke}</Button>}
        </div>
      </div>
      {!isOwn && <p class="soft small-text">{keys.notByAdmin}</p>}
      <div class="own-key-body">
        <Facts
          facts={[
            of.plan == null ? null : { name: keys.plan, value: of.plan },
            { name: keys.begins, value: <code>{of.start}…</code> },
            { name: keys.madeAt, value: <Moment at={of.created_at} /> },
            of.expires_at == null ? null : { name: keys.expires, value: <Moment at={of.expires_at} /> },
            of.overlap_until_ms == null ? null : { name: keys.overlap, value: <Moment at={of.overlap_until_ms / 1000} /> },
            of.credits_left == null ? null : { name: keys.credits, value: count(of.credits_left) },
          ]}
        />
        <div class="stack" role="group" aria-label={keys.today}>
          <LimitBars limits={of.limits_in_force} now={of.limits_now} none={planText.noLimits} />
        </div>
      </div>
      <details onToggle={(event) => { setHasUsage(event.currentTarget.open); }}>
        <summary class="small-text">{keys.usage}</summary>
        {hasUsage && <Usage id={id} />}
      </details>
      {open === "rotate" && (
        <RotateDialog
          rotate={async (body, headers) => {
            let key = "";
            await guard(async () => { ({ key } = await rotateKey(id, body, headers)); });
            return key;
          }}
          onRotated={onRotated}
          onClose={close}
        />
      )}
      {open === "revoke" && (
        <Confirm
          title={<Sentence of={keys.revokeTitle} name={name} />}
          label={keys.revoke}
          onConfirm={() =>
            guard(async () => {
              await revokeKey(id);
              say(keys.revoked);
            })
          }
          onClose={close}
        >
          <p>{keys.revokeLead}</p>
        </Confirm>
      )}
    </li>
  );
}

function State({ of: { enabled, expires_at: expires } }: { readonly of: KeyDetail }) {
  if (!enabled) return <Badge kind="warning">{keys.states.off}</Badge>;
  if (expires != null && expires * 1000 <= Date.now()) return <Badge kind="warning">{keys.states.expired}</Badge>;
  return <Badge kind="good">{keys.states.works}</Badge>;
}

const DAYS_SECONDS = 29 * 86_400;
const LIVE_MS = 10_000;

function Usage({ id }: { readonly id: string }) {
  const load = useCallback((signal: AbortSignal) => keyUsage(id, Math.floor(Date.now() / 1000) - DAYS_SECONDS, signal), [id]);
  const { data, error, reload } = useLoad(load, LIVE_MS);
  return (
    <div class="stack">
      <Refusal error={error} onRetry={reload} />
      {data && <Chart data={traffic(data)} />}
    </div>
  );
}
