import { moment } from "../text/common";

/** A moment that stays on one line. */
export function Moment({ at }: { readonly at: number }) {
  return <time class="moment" dateTime={new Date(at * 1000).toISOString()}>{moment(at)}</time>;
}
