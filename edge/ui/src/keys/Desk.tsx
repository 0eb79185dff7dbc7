import { useEffect, useRef, useState } from "preact/hooks";
import { ApiError } from "../api/errors";
import { apiKey } from "../api/key";
import { ownKeys, type PortalPlan, portalPlans, type Session } from "../api/portal";
import { Button } from "../parts/Button";
import { Empty } from "../parts/Empty";
import { ErrorNotice } from "../parts/ErrorNotice";
import { Secret } from "../parts/Secret";
import { say } from "../parts/Toasts";
import { useAct } from "../parts/useAct";
import { useLoad } from "../parts/useLoad";
import { moment } from "../text/common";
import { keys } from "../text/keys";
import { OwnKeyCard } from "./OwnKeyCard";
import { PlanCard } from "./PlanCard";
import { Refusal } from "./Refusal";
import { TakeDialog } from "./TakeDialog";
import type { Portal } from "./usePortal";

/** How often the limits' bars are looked at again. */
const LIVE_MS = 5000;

interface Props {
  readonly portal: Portal;
  readonly session: Session;
  /** Something was asked for that needs somebody who is signed in. */
  readonly onAsked: () => void;
}

interface Shown {
  readonly title: string;
  readonly key: string;
}

/** What somebody does who is signed in: takes keys on plans, and looks after them. */
export function Desk({ portal, session, onAsked }: Props) {
  const plans = useLoad(portalPlans);
  const own = useLoad(ownKeys, LIVE_MS);
  const [chosen, setChosen] = useState<PortalPlan | null>(null);
  const [shown, setShown] = useState<Shown | null>(null);
  const { turn, over, tell } = portal;
  const { reload: reloadPlans } = plans;
  const { reload: reloadKeys } = own;

  useEffect(() => {
    if (plans.error?.code === "no_session" || own.error?.code === "no_session") over();
  }, [plans.error, own.error, over]);
  const seen = useRef(turn);
  useEffect(() => {
    if (seen.current === turn) return;
    seen.current = turn;
    reloadPlans();
    reloadKeys();
  }, [turn, reloadPlans, reloadKeys]);

  const changed = (): void => {
    reloadPlans();
    reloadKeys();
    tell();
  };
  /** What somebody wants: if it fails for want of a session, he is asked to sign in again, and tries again. */
  const guard = async (what: () => Promise<void>): Promise<void> => {
    onAsked();
    try {
      await what();
    } catch (error) {
      if (error instanceof ApiError && error.code === "no_session") over();
      throw error;
    }
    changed();
  };

  return (
    <>
      <Who portal={portal} session={session} />
      {shown && (
        <Secret title={shown.title} label={keys.key} copyLabel={keys.copy} value={shown.key} onDone={() => { setShown(null); }}>
          <Button onClick={() => { apiKey.set(shown.key); location.assign("/"); }}>{keys.toPlayground}</Button>
        </Secret>
      )}
      <section class="stack" aria-labelledby="plans">
        <h2 id="plans">{keys.plans}</h2>
        <Refusal error={plans.error} onRetry={plans.reload} />
        {plans.data?.data.length === 0 && <Empty icon="close" title={keys.noPlans}><p>{keys.noPlansHint}</p></Empty>}
        <ul class="cards">
          {plans.data?.data.map((plan) => <PlanCard key={plan.name} plan={plan} onChoose={() => { setChosen(plan); }} />)}
        </ul>
      </section>
      <section class="stack" aria-labelledby="keys">
        <h2 id="keys">{keys.yours}</h2>
        <Refusal error={own.error} onRetry={own.reload} />
        {own.data?.data.length === 0 && <Empty icon="close" title={keys.none}><p>{keys.noneHint}</p></Empty>}
        <ul class="stack">
          {own.data?.data.map((key) => (
            <OwnKeyCard key={key.id} of={key} guard={guard} onRotated={(secret) => { setShown({ title: keys.rotated, key: secret }); }} />
          ))}
        </ul>
      </section>
      {chosen && (
        <TakeDialog plan={chosen.name} guard={guard} onMade={(secret) => { setShown({ title: keys.made, key: secret }); }} onClose={() => { setChosen(null); }} />
      )}
    </>
  );
}

function Who({ portal, session }: { readonly portal: Portal; readonly session: Session }) {
  const { isBusy, error, act } = useAct();
  const leave = (everywhere: boolean): void => {
    void act(async () => {
      await portal.leave(everywhere);
      say(keys.signedOut);
    });
  };
  return (
    <>
      <div class="panel key-panel">
        <span>{keys.signedIn} <strong class="long" dir="auto">{session.name}</strong></span>
        <span class="soft small-text">{keys.until(moment(session.expires_at))}</span>
        <div class="actions">
          <Button small kind="quiet" busy={isBusy} onClick={() => { leave(false); }}>{keys.signOut}</Button>
          <Button small kind="quiet" busy={isBusy} onClick={() => { leave(true); }}>{keys.signOutAll}</Button>
        </div>
      </div>
      {error && <ErrorNotice error={error} />}
    </>
  );
}
