// A page's address after the `#`: what of it is shown (`#keys/key_1?owner=acme`), so that back and forward work.
import { type Store, store, useStore } from "./store";

export interface Place {
  readonly section: string;
  /** What of the section; empty: all of it. */
  readonly id: string;
  readonly query: URLSearchParams;
}

function current(): Place {
  const [path = "", query = ""] = location.hash.slice(1).split("?", 2);
  const [section = "", ...rest] = path.split("/");
  return { section, id: decoded(rest.join("/")), query: new URLSearchParams(query) };
}

// Somebody may have typed it.
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

const place: Store<Place> = store(current());
addEventListener("hashchange", () => { place.set(current()); });

export const usePlace = (): Place => useStore(place);

/** An address of this page; what is empty is left out of its query. */
export function hashOf(section: string, id = "", query: Readonly<Record<string, string>> = {}): string {
  const asked = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== ""));
  return `#${section}${id === "" ? "" : `/${encodeURIComponent(id.toWellFormed())}`}${asked.size === 0 ? "" : `?${asked.toString()}`}`;
}

export function go(hash: string): void {
  location.hash = hash;
}
