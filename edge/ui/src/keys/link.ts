// What a link or a provider sends along after the `#`: a one-time secret, or why signing in failed. It is taken out
// of the address at once: neither the history nor somebody who looks over a shoulder is to have it.
import { ApiError, type ErrorCode } from "../api/errors";

export interface Arrival {
  /** The secret of a one-time link. */
  readonly token: string | null;
  /** Why the provider's way back ended nowhere. */
  readonly error: ApiError | null;
}

function take(): Arrival | null {
  const [, name, value = ""] = /^#(sign-in|sign-in-failed)=(.*)$/.exec(location.hash) ?? [];
  if (name === undefined) return null;
  history.replaceState(null, "", location.pathname + location.search);
  if (name === "sign-in") return { token: value, error: null };
  const code = /^[a-z_]{1,64}$/.test(value) ? value : "sign_in_failed";
  return { token: null, error: new ApiError({ status: 401, code: code as ErrorCode, message: "" }) };
}

// Before anything is drawn.
let arrived = take();

/** Tells of what came with the address: first with the page, then whenever a link is opened in this same tab. */
export function onArrival(listener: (arrival: Arrival) => void): () => void {
  const look = (): void => {
    const arrival = take();
    if (arrival) listener(arrival);
  };
  if (arrived) listener(arrived);
  arrived = null;
  addEventListener("hashchange", look);
  return () => { removeEventListener("hashchange", look); };
}
