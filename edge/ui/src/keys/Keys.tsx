import { useState } from "preact/hooks";
import { Dialog } from "../parts/Dialog";
import { ErrorNotice } from "../parts/ErrorNotice";
import { Frame } from "../parts/Frame";
import { Notice } from "../parts/Notice";
import { keys } from "../text/keys";
import { Desk } from "./Desk";
import { SignIn } from "./SignIn";
import { type Portal, usePortal } from "./usePortal";

export function Keys() {
  const portal = usePortal();
  const { state, error, refused, check } = portal;
  return (
    <Frame page="/keys" title={keys.title} lead={keys.lead}>
      {error && <ErrorNotice error={error} onRetry={check} />}
      {refused && <ErrorNotice error={refused} />}
      {state?.auth === "off" && <Notice title={keys.off.title}><p>{keys.off.detail}</p></Notice>}
      {state && state.auth !== "off" && <Open portal={portal} />}
    </Frame>
  );
}

function Open({ portal }: { readonly portal: Portal }) {
  const { state, session, isOver, entered } = portal;
  // Escape puts it off; what is asked for next brings it back.
  const [putOff, setPutOff] = useState(-1);
  const { turn } = portal;
  if (state === null) return null;
  if (session === null) return <SignIn state={state} onEntered={entered} />;
  return (
    <>
      {/* Somebody else's keys are another desk; the same person's stays as it is, whatever is typed there. */}
      <Desk key={session.owner} portal={portal} session={session} onAsked={() => { setPutOff(-1); }} />
      {isOver && putOff !== turn && (
        <Dialog title={keys.signInAgain} onClose={() => { setPutOff(turn); }}>
          <p class="soft">{keys.signInAgainLead}</p>
          <SignIn state={state} known={session} onEntered={entered} />
        </Dialog>
      )}
    </>
  );
}
