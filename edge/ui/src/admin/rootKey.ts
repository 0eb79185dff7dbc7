// How the console is authorised. This is the one place that knows: sections send along what `useRootKey` gives.
import { createContext } from "preact";
import { useContext, useMemo } from "preact/hooks";
import { rootKey, useKey } from "../api/key";

export interface Access {
  /** What goes with each request; `null`: it goes as the browser's session (api/client.ts). */
  readonly key: string | null;
  /** Tells one who looks from another: nobody is to see what was loaded for somebody else. */
  readonly who: string;
}

/** Whoever looks at the console; `null`: nobody is known. */
export function useAccess(): Access | null {
  const key = useKey(rootKey);
  return useMemo(() => (key === null ? null : { key, who: key }), [key]);
}

export const AccessGiven = createContext<Access>({ key: null, who: "" });

/** What the sections ask with. */
export const useRootKey = (): string | null => useContext(AccessGiven).key;
