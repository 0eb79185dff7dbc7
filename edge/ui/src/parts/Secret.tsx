import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { secretText } from "../text/secret";
import { Button } from "./Button";
import { CopyButton } from "./CopyButton";
import { TextField } from "./Field";

interface Props {
  readonly title: string;
  readonly label: string;
  readonly copyLabel: string;
  readonly value: string;
  /** What is to be known of it. */
  readonly hint?: string;
  readonly onDone: () => void;
  /** What else can be done with it. */
  readonly children?: ComponentChildren;
}

/** A secret that is shown this once: it stays in sight until the person says that it is kept. */
export function Secret({ title, label, copyLabel, value, hint, onDone, children }: Props) {
  const heading = useRef<HTMLHeadingElement>(null);
  // It is what the person waits for.
  useEffect(() => { heading.current?.focus(); }, [value]);
  return (
    <section class="notice good secret">
      <h2 ref={heading} tabIndex={-1}>{title}</h2>
      <TextField label={label} value={value} readOnly onInput={() => undefined} onFocus={(event) => { event.currentTarget.select(); }} />
      <p class="small-text">{secretText.once} {hint}</p>
      <div class="actions">
        <CopyButton text={value} label={copyLabel} small={false} kind="primary" />
        {children}
        <Button onClick={onDone}>{secretText.done}</Button>
      </div>
    </section>
  );
}
