import type { ComponentType } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { Frame } from "../parts/Frame";
import { hashOf, type Place, usePlace } from "../parts/hash";
import { Notice } from "../parts/Notice";
import { admin } from "../text/admin";
import { AccessPanel } from "./AccessPanel";
import { Audit } from "./Audit";
import { DeadJobs } from "./DeadJobs";
import { Hosts } from "./Hosts";
import { Invitations } from "./Invitations";
import { Keys } from "./Keys";
import { Overview } from "./Overview";
import { Owners } from "./Owners";
import { Plans } from "./Plans";
import { AccessGiven, useAccess } from "./rootKey";
import { RootKeys } from "./RootKeys";
import { focusTitle } from "./Section";

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
  const access = useAccess();
  const place = usePlace();
  const name = isName(place.section) ? place.section : "overview";
  const Section = SECTIONS[name];
  const isLoaded = useRef(false);
  useEffect(() => {
    // What had the focus is gone with what was shown before; a page that has just been loaded is read from its top.
    if (isLoaded.current) focusTitle();
    isLoaded.current = true;
  }, [access, name, place.id]);
  return (
    <Frame page="/admin" title={admin.title} lead={admin.lead}>
      <AccessPanel />
      {access === null ? (
        <Notice title={admin.noKey}><p>{admin.noKeyHint}</p></Notice>
      ) : (
        <AccessGiven.Provider value={access}>
          <div class="console">
            <Ways current={name} />
            {/* Somebody else sees other things, and another section is another page. */}
            <Section key={`${access.who} ${name}`} place={place} />
          </div>
        </AccessGiven.Provider>
      )}
    </Frame>
  );
}

function Ways({ current }: { readonly current: Name }) {
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
