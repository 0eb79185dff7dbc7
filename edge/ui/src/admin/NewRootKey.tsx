import { useRef, useState } from "preact/hooks";
import { call } from "../api/client";
import { Idempotency } from "../api/idempotency";
import type { components } from "../api/schema";
import { Button, buttonClass } from "../parts/Button";
import { TextField } from "../parts/Field";
import { hashOf } from "../parts/hash";
import { Secret } from "../parts/Secret";
import { useAct } from "../parts/useAct";
import { admin, keysText, rootKeysText } from "../text/admin";
import { ofField } from "./moments";
import { ScopesField } from "./ScopesField";
import { useRootKey } from "./rootKey";
import { type AdminScope, Failure, Section } from "./Section";

/** Makes a root key, which is shown once. */
export function NewRootKey({ onMade }: { readonly onMade: () => void }) {
  const root = useRootKey();
  const [name, setName] = useState("");
  const [expires, setExpires] = useState("");
  const [scopes, setScopes] = useState<readonly AdminScope[]>([]);
  const [isScopeless, setScopeless] = useState(false);
  const [made, setMade] = useState<string | null>(null);
  const { isBusy, error, act } = useAct();
  const idempotency = useRef(new Idempotency());
  const make = (event: SubmitEvent): void => {
    event.preventDefault();
    setScopeless(scopes.length === 0);
    if (scopes.length === 0) return;
    const expiresAt = ofField(expires);
    // The description of the API that these pages are built with may not know the newest scope yet.
    const body = { name, allowed_ips: [], scopes: [...scopes] as components["schemas"]["AdminScope"][], ...(expiresAt !== null && { expires_at: expiresAt }) };
    void act(async () => {
      const { key } = await call("post", "/admin/root-keys", { key: root, body, headers: idempotency.current.headers(body) });
      idempotency.current.done();
      setMade(key ?? "");
      onMade();
    });
  };
  return (
    <Section title={rootKeysText.make} actions={<a class={buttonClass()} href={hashOf("root-keys")}>{admin.back}</a>}>
      {made !== null ? (
        <Secret title={rootKeysText.made} label={rootKeysText.theKey} copyLabel={keysText.copyKey} value={made} onDone={() => { setMade(null); }} />
      ) : (
        <form class="panel stack" onSubmit={make}>
          <div class="fields">
            <TextField label={rootKeysText.name} value={name} required maxLength={100} autocomplete="off" onInput={setName} />
            <TextField label={keysText.expires} type="datetime-local" hint={keysText.expiresHint} value={expires} onInput={setExpires} />
          </div>
          <ScopesField
            label={rootKeysText.scopes}
            names={rootKeysText.scopeNames}
            scopes={scopes}
            fault={isScopeless ? rootKeysText.noScope : null}
            onChange={(to) => { setScopes(to); setScopeless(false); }}
          />
          <Failure error={error} scope="admin:*" />
          <div class="actions"><Button type="submit" kind="primary" disabled={isBusy}>{rootKeysText.create}</Button></div>
        </form>
      )}
    </Section>
  );
}
