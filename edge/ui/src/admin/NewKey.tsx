import { useRef, useState } from "preact/hooks";
import { call } from "../api/client";
import { Idempotency } from "../api/idempotency";
import { Button, buttonClass } from "../parts/Button";
import { Check, TextField } from "../parts/Field";
import { hashOf } from "../parts/hash";
import { Secret } from "../parts/Secret";
import { useAct } from "../parts/useAct";
import { admin, keysText } from "../text/admin";
import { bodyOf, KeyFields, metadataOf, NO_KEY } from "./KeyFields";
import { creditsDraft, creditsOf } from "./limits";
import { CreditsEditor } from "./LimitsEditor";
import { useRootKey } from "./rootKey";
import { Failure, Section } from "./Section";

/** Makes a key, which is shown once. */
export function NewKey() {
  const root = useRootKey();
  const [draft, setDraft] = useState(NO_KEY);
  const [owner, setOwner] = useState("");
  const [credits, setCredits] = useState(() => creditsDraft(null));
  const [selfService, setSelfService] = useState(false);
  const [made, setMade] = useState<{ readonly id: string; readonly key: string } | null>(null);
  const { isBusy, error, act } = useAct();
  const idempotency = useRef(new Idempotency());

  const make = (event: SubmitEvent): void => {
    event.preventDefault();
    if (metadataOf(draft.metadata) === undefined) return;
    const { limits, ...rest } = bodyOf(draft);
    const body = {
      ...rest,
      ...(limits.length > 0 && { limits }),
      ...(owner.trim() !== "" && { owner: owner.trim() }),
      credits: creditsOf(credits),
      self_service: selfService,
      allowed_ips: [],
      allowed_origins: [],
    };
    void act(async () => {
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
        <form class="panel stack" onSubmit={make}>
          <KeyFields draft={draft} onChange={setDraft}>
            <TextField label={keysText.owner} hint={keysText.ownerHint} value={owner} maxLength={64} autocomplete="off" spellcheck={false} onInput={setOwner} />
          </KeyFields>
          <CreditsEditor label={keysText.ownCredits} credits={credits} onChange={setCredits} />
          <Check label={keysText.selfService} checked={selfService} onInput={setSelfService} />
          <Failure error={error} scope="admin:keys" />
          <div class="actions"><Button type="submit" kind="primary" disabled={isBusy}>{keysText.create}</Button></div>
        </form>
      )}
    </Section>
  );
}
