// Keys that a person entered, for as long as this tab is open: in sessionStorage, never in an address, never kept.
import { type Store, store, useStore } from "../parts/store";

/** A key that pages of this tab share. */
export interface KeyStore extends Store<string | null> {
  readonly forget: () => void;
}

function keyStore(name: string): KeyStore {
  const { get, set, subscribe } = store(read(name));
  return {
    get,
    subscribe,
    set: (key) => {
      const meant = key?.trim() ?? "";
      set(meant === "" ? null : meant);
      write(name, get());
    },
    forget: () => {
      set(null);
      write(name, null);
    },
  };
}

// Where a browser grants no storage, a key lives as long as the page.
function read(name: string): string | null {
  try {
    return sessionStorage.getItem(name);
  } catch {
    return null;
  }
}

function write(name: string, key: string | null): void {
  try {
    if (key === null) sessionStorage.removeItem(name);
    else sessionStorage.setItem(name, key);
  } catch {
    // It is in memory all the same.
  }
}

/** The API key of playground, transcripts and jobs; /keys hands a new one over through it. */
export const apiKey = keyStore("whisper-edge.key");

/** The root key of the console. */
export const rootKey = keyStore("whisper-edge.root-key");

/** The key in store; the component follows its changes. */
export const useKey = (of: KeyStore): string | null => useStore(of);

/** A key as it may be shown: by its beginning and end. */
export const masked = (key: string): string => (key.length <= 16 ? "••••" : `${key.slice(0, 8)}…${key.slice(-4)}`);
