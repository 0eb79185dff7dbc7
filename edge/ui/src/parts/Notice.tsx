import type { ComponentChildren } from "preact";

interface Props {
  readonly kind?: "danger" | "warning" | "good";
  readonly title?: string;
  /** Told at once by a screen reader: for what has just gone wrong. */
  readonly alert?: boolean;
  readonly children?: ComponentChildren;
}

export function Notice({ kind, title, alert = false, children }: Props) {
  return (
    <div class={["notice", kind].filter(Boolean).join(" ")} {...(alert && { role: "alert" })}>
      {title && <strong>{title}</strong>}
      {children}
    </div>
  );
}
