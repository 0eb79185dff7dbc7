import { useRef, useState } from "preact/hooks";
import { Idempotency } from "../api/idempotency";
import { type Invitation, invite } from "../api/portal";
import { Button } from "../parts/Button";
import { Select, TextField } from "../parts/Field";
import { Secret } from "../parts/Secret";
import { useAct } from "../parts/useAct";
import { admin, invitationsText as text } from "../text/admin";
import { moment } from "../text/common";
import { useRootKey } from "./rootKey";
import { Failure, Section } from "./Section";

type Span = keyof typeof text.spans;
const SPANS = (Object.keys(text.spans) as Span[]).map((value) => ({ value, label: text.spans[value] }));

/** Makes one-time links to the page of the keys. */
export function Invitations() {
  const root = useRootKey();
  const [owner, setOwner] = useState("");
  const [name, setName] = useState("");
  const [plans, setPlans] = useState("");
  const [span, setSpan] = useState<Span>("600");
  const [made, setMade] = useState<Invitation | null>(null);
  const { isBusy, error, act } = useAct();
  const idempotency = useRef(new Idempotency());
  const make = (event: SubmitEvent): void => {
    event.preventDefault();
    const chosen = plans.split(/[\s,]+/).filter((plan) => plan !== "");
    const body = {
      owner: owner.trim(),
      expires_in_seconds: Number(span),
      ...(name.trim() !== "" && { name: name.trim() }),
      ...(chosen.length > 0 && { plans: chosen }),
    };
    void act(async () => {
      setMade(await invite(root, body, idempotency.current.headers(body)));
      idempotency.current.done();
    });
  };
  return (
    <Section title={admin.section.invitations} lead={text.lead}>
      {made && (
        <Secret title={text.made} label={text.link} copyLabel={text.copy} value={made.url} hint={text.until(moment(made.expires_at))} onDone={() => { setMade(null); }} />
      )}
      <form class="panel stack" onSubmit={make}>
        <div class="fields">
          <TextField label={text.owner} hint={text.ownerHint} value={owner} required maxLength={64} autocomplete="off" spellcheck={false} onInput={setOwner} />
          <TextField label={text.name} hint={text.nameHint} value={name} maxLength={100} autocomplete="off" onInput={setName} />
          <TextField label={text.plans} hint={text.plansHint} value={plans} autocomplete="off" spellcheck={false} onInput={setPlans} />
          <Select label={text.expires} value={span} options={SPANS} onInput={setSpan} />
        </div>
        <Failure error={error} scope="admin:portal" />
        <div class="actions"><Button type="submit" kind="primary" disabled={isBusy}>{text.make}</Button></div>
      </form>
    </Section>
  );
}
