import type { ComponentChildren } from "preact";

interface Props {
  readonly kind: "good" | "warning" | "danger" | "plain";
  readonly children: ComponentChildren;
}

/** A state, in a word. */
export function Badge({ kind, children }: Props) {
  return <span class={`badge ${kind}`}>{children}</span>;
}
