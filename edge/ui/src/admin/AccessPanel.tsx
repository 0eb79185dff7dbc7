import { useState } from "preact/hooks";
import { masked, rootKey, useKey } from "../api/key";
import { type ApiError, asApiError } from "../api/errors";
import { Button } from "../parts/Button";
import { ErrorNotice } from "../parts/ErrorNotice";
import { Check, TextField } from "../parts/Field";
import { Moment } from "../parts/Moment";
import { Notice } from "../parts/Notice";
import { useStore } from "../parts/store";
import { accessText } from "../text/access";
import { keyText } from "../text/key";
import { type ConsoleSession, consoleSession, signIn, signOut } from "./consoleSession";
import { badKey } from "./Section";

/** Where a root key is entered: for this tab, or to begin a session; and where either ends. */
export function AccessPanel() {
  const key = useKey(rootKey);
  const session = useStore(consoleSession);
  if (key !== null) {
    return (
      <div class="panel key-panel">
        <span class="field-label">{keyText.rootLabel}</span>
        <code>{masked(key)}</code>
        <Button small kind="quiet" onClick={() => { rootKey.forget(); }}>{keyText.forget}</Button>
      </div>
    );
  }
  if (session !== null && !session.isOver) return <SignedIn session={session} />;
  return <SignIn isOver={session !== null} />;
}

function SignedIn({ session: { rootKeyId, until } }: { readonly session: ConsoleSession }) {
  const [error, setError] = useState<ApiError | null>(null);
  const leave = (): void => {
    setError(null);
    signOut().catch((failure: unknown) => { setError(asApiError(failure)); });
  };
  return (
    <div class="panel stack">
      <div class="key-panel">
        <span class="field-label">{accessText.signedIn}</span>
        <code>{rootKeyId}</code>
        <span class="soft small-text">{accessText.until} <Moment at={until} /></span>
        <Button small kind="quiet" onClick={leave}>{accessText.signOut}</Button>
      </div>
      {error && <ErrorNotice error={error} onRetry={leave} />}
    </div>
  );
}

function SignIn({ isOver }: { readonly isOver: boolean }) {
  const [typed, setTyped] = useState("");
  // Whoever had a session wants one again: what he typed stays only then.
  const [stays, setStays] = useState(isOver);
  const [isMissing, setMissing] = useState(false);
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);
  const enter = async (): Promise<void> => {
    const key = typed.trim();
    setMissing(key === "");
    setError(null);
    if (key === "" || isBusy) return;
    if (!stays) {
      rootKey.set(key);
      return;
    }
    setBusy(true);
    try {
      await signIn(key);
    } catch (failure) {
      setError(asApiError(failure));
      setBusy(false);
    }
  };
  return (
    <form
      class="panel stack"
      onSubmit={(event) => {
        event.preventDefault();
        void enter();
      }}
    >
      {isOver && <Notice kind="warning" title={accessText.over.title} alert><p>{accessText.over.detail}</p></Notice>}
      <div class="key-form">
        <TextField
          label={keyText.rootLabel}
          type="password"
          autocomplete="off"
          spellcheck={false}
          value={typed}
          fault={isMissing ? keyText.missing : null}
          onInput={(value) => { setTyped(value); setMissing(false); }}
        />
        <Button type="submit" kind="primary" busy={isBusy}>{stays ? accessText.signIn : keyText.use}</Button>
      </div>
      <Check label={accessText.stay} hint={stays ? accessText.stayHint : keyText.kept} checked={stays} onInput={setStays} />
      {error && (error.status === 401 ? badKey() : <ErrorNotice error={error} />)}
    </form>
  );
}
