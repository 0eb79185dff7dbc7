import { useCallback, useState } from "preact/hooks";
import { call } from "../api/client";
import type { components } from "../api/schema";
import { Button, buttonClass } from "../parts/Button";
import { Confirm } from "../parts/Confirm";
import { go, hashOf } from "../parts/hash";
import { Notice } from "../parts/Notice";
import { say } from "../parts/Toasts";
import { useAct } from "../parts/useAct";
import { useLoad } from "../parts/useLoad";
import { admin, ownersText } from "../text/admin";
import { count } from "../text/limits";
import type { SectionProps } from "./Console";
import { Facts } from "../parts/Facts";
import { FilterForm } from "./FilterForm";
import { faultOf, Form } from "./Form";
import { draftsOf, limitsOf } from "./limits";
import { LimitsEditor } from "./LimitsEditor";
import { useRootKey } from "./rootKey";
import { Failure, Section } from "./Section";

type OwnerDetail = components["schemas"]["OwnerDetail"];
type Purged = components["schemas"]["Purged"];

const FIELDS = [{ name: "owner", label: ownersText.owner }] as const;

/** One owner; they are known by their ids alone. */
export function Owners({ place: { id } }: SectionProps) {
  return (
    <Section title={id === "" ? admin.section.owners : id} lead={ownersText.lead}>
      <FilterForm key={id} label={ownersText.find} fields={FIELDS} values={{ owner: id }} onApply={({ owner }) => { go(hashOf("owners", owner)); }} />
      {id !== "" && <Owner key={`of ${id}`} id={id} />}
    </Section>
  );
}

function Owner({ id }: { readonly id: string }) {
  const key = useRootKey();
  const load = useCallback((signal: AbortSignal) => call("get", "/admin/owners/{owner}", { key, path: { owner: id }, signal }), [key, id]);
  const { data, error, reload } = useLoad(load);
  const [isAsked, setAsked] = useState(false);
  const [purged, setPurged] = useState<Purged | null>(null);
  const purge = async (): Promise<void> => {
    setPurged(await call("delete", "/admin/owners/{owner}", { key, path: { owner: id } }));
    reload();
  };
  return (
    <>
      <Failure error={error} scope="admin:owners" onRetry={reload} />
      {purged && <PurgedNotice of={purged} />}
      {data && (
        <>
          <div class="panel stack">
            <Facts facts={[{ name: ownersText.keys, value: count(data.keys) }]} />
            <div class="actions">
              <a class={buttonClass()} href={hashOf("keys", "", { owner: id })}>{ownersText.listKeys}</a>
              <a class={buttonClass()} href={hashOf("overview", "", { owner: id })}>{ownersText.usage}</a>
              <a class={buttonClass()} href={hashOf("audit", "", { owner: id })}>{admin.section.audit}</a>
              <Button kind="danger" onClick={() => { setAsked(true); }}>{ownersText.purge}</Button>
            </div>
          </div>
          <SharedLimits of={data} onSaved={reload} />
        </>
      )}
      {isAsked && (
        <Confirm
          title={ownersText.purgeTitle(id)}
          label={ownersText.purgeConfirm}
          typed={{ word: id, label: ownersText.purgeTyped(id) }}
          onConfirm={purge}
          onClose={() => { setAsked(false); }}
        >
          <p>{ownersText.purgeLead}</p>
        </Confirm>
      )}
    </>
  );
}

function PurgedNotice({ of }: { readonly of: Purged }) {
  const names = Object.keys(ownersText.purgedRows) as (keyof Purged)[];
  const isNothing = names.every((name) => of[name] === 0);
  return (
    <Notice kind={isNothing ? "good" : "warning"} title={ownersText.purged} alert>
      <p>{isNothing ? ownersText.purgedNothing : ownersText.purgeAgain}</p>
      {!isNothing && <Facts facts={names.map((name) => ({ name: ownersText.purgedRows[name], value: count(of[name]) }))} />}
    </Notice>
  );
}

function SharedLimits({ of, onSaved }: { readonly of: OwnerDetail; readonly onSaved: () => void }) {
  const key = useRootKey();
  const [limits, setLimits] = useState(() => draftsOf(of.limits));
  const { isBusy, error, act } = useAct();
  const save = (): void => {
    void act(async () => {
      await call("put", "/admin/owners/{owner}/limits", { key, path: { owner: of.owner }, body: { limits: limitsOf(limits) } });
      say(admin.saved);
      onSaved();
    });
  };
  return (
    <Form send={ownersText.save} isBusy={isBusy} error={error} fields={["limits"]} scope="admin:owners" onSend={save}>
      <LimitsEditor label={ownersText.limits} hint={ownersText.limitsHint} limits={limits} fault={faultOf(error, "limits")} onChange={(to) => { setLimits([...to]); }} />
    </Form>
  );
}
