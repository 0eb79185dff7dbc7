import { useState } from "preact/hooks";
import { ApiError } from "../api/errors";
import { type PortalState, type Session, signInByName } from "../api/portal";
import { Button, buttonClass } from "../parts/Button";
import { ErrorNotice } from "../parts/ErrorNotice";
import { TextField } from "../parts/Field";
import { Notice } from "../parts/Notice";
import { useAct } from "../parts/useAct";
import { keys } from "../text/keys";
import { Turnstile } from "./Turnstile";

interface Props {
  readonly state: PortalState;
  /** Who was signed in until a moment ago. */
  readonly known?: Session;
  readonly onEntered: (state: PortalState) => void;
}

/** Signing in, as the deployment has it. */
export function SignIn({ state, known, onEntered }: Props) {
  switch (state.auth) {
    case "open":
      return <ByName siteKey={state.turnstile_site_key} known={known?.name ?? ""} onEntered={onEntered} />;
    case "session":
      return known ? <p>{keys.byLinkAgain}</p> : <Notice title={keys.byLink.title}><p>{keys.byLink.detail}</p></Notice>;
    case "oidc":
      return <ByProvider isAgain={known !== undefined} />;
    default:
      return null;
  }
}

function ByProvider({ isAgain }: { readonly isAgain: boolean }) {
  // The page that is left would lose what was typed there.
  const elsewhere = isAgain ? { target: "_blank", rel: "noopener" } : {};
  return (
    <div class="panel stack sign-in">
      <p class="soft">{isAgain ? keys.byProviderAgain : keys.byProviderHint}</p>
      <div class="actions"><a class={buttonClass("primary")} href="/portal/sign-in?return=/keys" {...elsewhere}>{keys.byProvider}</a></div>
    </div>
  );
}

interface ByNameProps {
  readonly siteKey: string | null;
  readonly known: string;
  readonly onEntered: (state: PortalState) => void;
}

function ByName({ siteKey, known, onEntered }: ByNameProps) {
  const [name, setName] = useState(known);
  const [answer, setAnswer] = useState<string | null>(null);
  // An answer is good once: each attempt needs another.
  const [attempt, setAttempt] = useState(0);
  const { isBusy, error, act } = useAct();
  const enter = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    await act(async () => {
      if (siteKey !== null && answer === null) throw new ApiError({ status: 403, code: "challenge_failed", message: "" });
      onEntered(await signInByName(name.trim(), answer));
    });
    setAnswer(null);
    setAttempt((times) => times + 1);
  };
  return (
    <form class="panel stack sign-in" onSubmit={(event) => void enter(event)}>
      <TextField label={keys.byName} hint={keys.byNameHint} value={name} required maxLength={100} autocomplete="username" onInput={setName} />
      {siteKey !== null && <Turnstile key={attempt} siteKey={siteKey} onAnswer={setAnswer} />}
      {error && <ErrorNotice error={error} />}
      <div class="actions"><Button type="submit" kind="primary" busy={isBusy}>{keys.signIn}</Button></div>
    </form>
  );
}
