import { useRef, useState } from "preact/hooks";
import { call } from "../api/client";
import { Idempotency } from "../api/idempotency";
import { buttonClass } from "../parts/Button";
import { hashOf } from "../parts/hash";
import { Secret } from "../parts/Secret";
import { useAct } from "../parts/useAct";
import { admin, keysText } from "../text/admin";
import { newKeyOf, NO_KEY } from "./drafts";
import { Form } from "./Form";
import { KeyFields } from "./KeyFields";
import { useRootKey } from "./rootKey";
import { Section } from "./Section";

/** Makes a key, which is shown once. */
export function NewKey() {
  const root = useRootKey();
  const [draft, setDraft] = useState(NO_KEY);
  const [made, setMade] = useState<{ readonly id: string; readonly key: string } | null>(null);
  const { isBusy, error, act } = useAct();
  const idempotency = useRef(new Idempotency());
  const make = (): void => {
    void act(async () => {
      const body = newKeyOf(draft);
      const { id, key } = await call("post", "/admin/keys", { key: root, body, headers: idempotency.current.headers(body) });
      idempotency.current.done();
      setMade({ id, key: key ?? "" });
    });
  };
  return (
    <Section title={keysText.make} actions={<a class={buttonClass()} href={hashOf("keys")}>{admin.back}</a>}>
      {made ? (
        <Secret title={keysText.made} label={keysText.theKey} copyLabel={keysText.copyKey} value={made.key} onDone={() => { setMade(null); }}>
          <a class={buttonClass()} href={hashOf("keys", made.id)}>{keysText.openKey}</a>
        </Secret>
      ) : (
        <Form send={keysText.create} isBusy={isBusy} error={error} fields={Object.keys(draft)} scope="admin:keys" onSend={make}>
          <KeyFields isNew draft={draft} error={error} onChange={setDraft} />
        </Form>
      )}
    </Section>
  );
}
