import { useRef, useState } from "preact/hooks";
import { call } from "../api/client";
import { Idempotency } from "../api/idempotency";
import { buttonClass } from "../parts/Button";
import { hashOf } from "../parts/hash";
import { Secret } from "../parts/Secret";
import { useAct } from "../parts/useAct";
import { admin, keysText, rootKeysText } from "../text/admin";
import { newRootKeyOf, NO_ROOT_KEY } from "./drafts";
import { Form } from "./Form";
import { RootKeyFields } from "./KeyFields";
import { useRootKey } from "./rootKey";
import { Section } from "./Section";

/** Makes a root key, which is shown once. */
export function NewRootKey() {
  const root = useRootKey();
  const [draft, setDraft] = useState(NO_ROOT_KEY);
  const [made, setMade] = useState<string | null>(null);
  const { isBusy, error, act } = useAct();
  const idempotency = useRef(new Idempotency());
  const make = (): void => {
    void act(async () => {
      const body = newRootKeyOf(draft);
      const { key } = await call("post", "/admin/root-keys", { key: root, body, headers: idempotency.current.headers(body) });
      idempotency.current.done();
      setMade(key ?? "");
    });
  };
  return (
    <Section title={rootKeysText.make} actions={<a class={buttonClass()} href={hashOf("root-keys")}>{admin.back}</a>}>
      {made !== null ? (
        <Secret title={rootKeysText.made} label={keysText.theRootKey} copyLabel={keysText.copyKey} value={made} onDone={() => { setMade(null); }} />
      ) : (
        <Form send={rootKeysText.create} isBusy={isBusy} error={error} fields={Object.keys(draft)} scope="admin:*" onSend={make}>
          <RootKeyFields draft={draft} error={error} onChange={setDraft} />
        </Form>
      )}
    </Section>
  );
}
