import { useRef, useState } from "preact/hooks";
import { call } from "../api/client";
import { Idempotency } from "../api/idempotency";
import type { components } from "../api/schema";
import { Select, TextField } from "../parts/Field";
import { optionsOf } from "../parts/options";
import { Secret } from "../parts/Secret";
import { useAct } from "../parts/useAct";
import { admin, invitationsText as text } from "../text/admin";
import { moment } from "../text/common";
import { namesIn } from "./drafts";
import { faultOf, Form } from "./Form";
import { useRootKey } from "./rootKey";
import { Section } from "./Section";

type Invitation = components["schemas"]["PortalInvitation"];

type Span = keyof typeof text.spans;
const SPANS = optionsOf(text.spans);
// `plan`: one of the plans.
const FIELDS = ["owner", "name", "plans", "plan", "expires_in_seconds"] as const;

/** Makes one-time links to the page of the keys. */
export function Invitations() {
  const key = useRootKey();
  const [owner, setOwner] = useState("");
  const [name, setName] = useState("");
  const [plans, setPlans] = useState("");
  const [span, setSpan] = useState<Span>("600");
  const [made, setMade] = useState<Invitation | null>(null);
  const { isBusy, error, act } = useAct();
  const idempotency = useRef(new Idempotency());
  const fault = (field: (typeof FIELDS)[number]): string | null => faultOf(error, field);
  const make = (): void => {
    const chosen = namesIn(plans);
    const body = {
      owner: owner.trim(),
      expires_in_seconds: Number(span),
      ...(name.trim() !== "" && { name: name.trim() }),
      ...(chosen.length > 0 && { plans: chosen }),
    };
    void act(async () => {
      setMade(await call("post", "/admin/portal-sessions", { key, body, headers: idempotency.current.headers(body) }));
      idempotency.current.done();
    });
  };
  return (
    <Section title={admin.section.invitations} lead={text.lead}>
      {made && (
        <Secret title={text.made} label={text.link} copyLabel={text.copy} value={made.url} hint={text.until(moment(made.expires_at))} onDone={() => { setMade(null); }} />
      )}
      <Form send={text.make} isBusy={isBusy} error={error} fields={FIELDS} scope="admin:portal" onSend={make}>
        <div class="fields">
          <TextField label={text.owner} hint={text.ownerHint} value={owner} fault={fault("owner")} required maxLength={64} autocomplete="off" spellcheck={false} onInput={setOwner} />
          <TextField label={text.name} hint={text.nameHint} value={name} fault={fault("name")} maxLength={100} autocomplete="off" onInput={setName} />
          <TextField label={text.plans} hint={text.plansHint} value={plans} fault={fault("plans") ?? fault("plan")} autocomplete="off" spellcheck={false} onInput={setPlans} />
          <Select label={text.expires} value={span} options={SPANS} fault={fault("expires_in_seconds")} onInput={setSpan} />
        </div>
      </Form>
    </Section>
  );
}
