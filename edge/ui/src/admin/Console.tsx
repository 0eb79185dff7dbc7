import type { ComponentType } from "preact";
import { useEffect } from "preact/hooks";
import { rootKey, useKey } from "../api/key";
import { Frame } from "../parts/Frame";
import { hashOf, type Place, usePlace } from "../parts/hash";
import { Notice } from "../parts/Notice";
import { KeyPanel } from "../parts/KeyPanel";
import { admin } from "../text/admin";
import { keyText } from "../text/key";
import { Audit } from "./Audit";
import { DeadJobs } from "./DeadJobs";
import { Hosts } from "./Hosts";
import { Invitations } from "./Invitations";
import { Keys } from "./Keys";
import { Overview } from "./Overview";
import { Owners } from "./Owners";
import { Plans } from "./Plans";
import { RootKey } from "./rootKey";
import { RootKeys } from "./RootKeys";

export interface SectionProps {
  readonly place: Place;
}

type Name = keyof typeof admin.section;

/** The sections, in the order in which they are offered. */
const SECTIONS: Readonly<Record<Name, ComponentType<SectionProps>>> = {
  overview: Overview,
  hosts: Hosts,
  keys: Keys,
  plans: Plans,
  owners: Owners,
  audit: Audit,
  jobs: DeadJobs,
  "root-keys": RootKeys,
  invitations: Invitations,
};

const isName = (text: string): text is Name => Object.hasOwn(SECTIONS, text);

export function Console() {
  const key = useKey(rootKey);
  const place = usePlace();
  const name = isName(place.section) ? place.section : "overview";
  const Section = SECTIONS[name];
  return (
    <Frame page="/admin" title={admin.title} lead={admin.lead}>
      <KeyPanel store={rootKey} label={keyText.rootLabel} />
      {key === null ? (
        <Notice title={admin.noKey}><p>{admin.noKeyHint}</p></Notice>
      ) : (
        <RootKey.Provider value={key}>
          <div class="console">
            <Ways current={name} />
            {/* Another key sees other things, and another section is another page. */}
            <Section key={`${key} ${name}`} place={place} />
          </div>
        </RootKey.Provider>
      )}
    </Frame>
  );
}

function Ways({ current }: { readonly current: Name }) {
  useEffect(() => {
    // What had the focus is gone with the section before: reading goes on at the new one's title.
    if (document.activeElement === document.body) document.getElementById("section")?.focus();
  }, [current]);
  return (
    <nav class="sections" aria-label={admin.sections}>
      <ul>
        {(Object.keys(SECTIONS) as Name[]).map((name) => (
          <li key={name}>
            <a href={hashOf(name)} {...(name === current && { "aria-current": "page" as const })}>{admin.section[name]}</a>
          </li>
        ))}
      </ul>
    </nav>
  );
}
