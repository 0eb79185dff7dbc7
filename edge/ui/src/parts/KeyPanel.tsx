import { useEffect, useRef, useState } from "preact/hooks";
import { type KeyStore, apiKey, masked, useKey } from "../api/key";
import { keyText } from "../text/key";
import { Button } from "./Button";
import { TextField } from "./Field";

interface Props {
  readonly store: KeyStore;
  readonly label?: string;
  /** Counts how often somebody wanted to go on without a key: each time the field is shown to be missing. */
  readonly wanted?: number;
}

/** Where a key is entered and forgotten. It is kept for this tab alone (api/key.ts). */
export function KeyPanel({ store, label = keyText.label, wanted = 0 }: Props) {
  const key = useKey(store);
  const [typed, setTyped] = useState("");
  const [missing, setMissing] = useState(false);
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => {
    if (wanted === 0) return;
    setMissing(true);
    form.current?.querySelector("input")?.focus();
  }, [wanted]);
  if (key !== null) {
    return (
      <div class="panel key-panel">
        <span class="field-label">{label}</span>
        <code>{masked(key)}</code>
        <div class="actions"><Button small kind="quiet" onClick={() => { store.forget(); }}>{keyText.forget}</Button></div>
      </div>
    );
  }
  const use = (event: SubmitEvent): void => {
    event.preventDefault();
    setMissing(typed.trim() === "");
    store.set(typed);
    setTyped("");
  };
  return (
    <form ref={form} class="panel key-form" onSubmit={use}>
      <TextField
        label={label}
        type="password"
        autocomplete="off"
        spellcheck={false}
        {...(store === apiKey && { placeholder: "wk_live_…" })}
        value={typed}
        fault={missing ? keyText.missing : null}
        onInput={(value) => { setTyped(value); setMissing(false); }}
      />
      <Button type="submit" kind="primary">{keyText.use}</Button>
      <p class="field-hint">
        {keyText.kept} {store === apiKey && <a href="/keys">{keyText.get}</a>}
      </p>
    </form>
  );
}
