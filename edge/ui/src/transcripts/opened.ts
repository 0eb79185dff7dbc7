// Which transcript is open: the address says it, so that the browser's back and forward work and it can be noted.
import { store } from "../parts/store";

const ID = /^#(tr_[0-9A-Za-z]{20})$/;

/** The id; `null`: none is. */
export const opened = store<string | null>(ID.exec(location.hash)?.[1] ?? null);

addEventListener("hashchange", () => {
  const id = ID.exec(location.hash)?.[1] ?? null;
  // What leads to a place on this page closes nothing.
  if (id !== null || location.hash === "") opened.set(id);
});

/** Back to the list; the browser's back opens it again. */
export function close(): void {
  location.hash = "";
}

/** Closes one that is there no more: nobody should come back to it. */
export function closeForGood(): void {
  history.replaceState(null, "", location.pathname);
  opened.set(null);
}
