// How the console is authorised. This is the one place that knows: sections send along what `useRootKey` gives.
import { createContext } from "preact";
import { useContext, useMemo } from "preact/hooks";
import { rootKey, useKey } from "../api/key";
import { useStore } from "../parts/store";
import { consoleSession } from "./consoleSession";

export interface Access {
  /** What goes with each request; `null`: it goes as the browser's session (api/client.ts). */
  readonly key: string | null;
  /** Tells one who looks from another: nobody is to see what was loaded for somebody else. */
  readonly who: string;
}

/** Whoever looks at the console; `null`: nobody is known. */
export function useAccess(): Access | null {
  const key = useKey(rootKey);
  // One that is over stays until somebody else comes: what was typed is not to be lost with it.
  const signedIn = useStore(consoleSession)?.rootKeyId ?? null;
  return useMemo(() => {
    if (key !== null) return { key, who: key };
    return signedIn === null ? null : { key: null, who: signedIn };
  }, [key, signedIn]);
}

export const AccessGiven = createContext<Access>({ key: null, who: "" });

/** What the sections ask with. */
export const useRootKey = (): string | null => useContext(AccessGiven).key;
