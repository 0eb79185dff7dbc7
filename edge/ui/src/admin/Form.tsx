import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { ApiError } from "../api/errors";
import type { components } from "../api/schema";
import { Button } from "../parts/Button";
import { common } from "../text/common";
import { explain } from "../text/errors";
import { Failure } from "./Section";

/** What is wrong with a field, by its name in the API; `null`: nothing that is known. */
export const faultOf = (error: ApiError | null, field: string): string | null => (error?.param === field ? explain(error).detail : null);

interface Props {
  readonly label?: string;
  /** What the button says that sends it. */
  readonly send: string;
  readonly isBusy: boolean;
  /** Why it was not taken. */
  readonly error: ApiError | null;
  /** The fields that say themselves what is wrong with them (`faultOf`). */
  readonly fields: readonly string[];
  /** What a root key needs for this. */
  readonly scope: components["schemas"]["AdminScope"];
  /** Whether the person goes on in it at once: it has come where a button was pressed. */
  readonly takesFocus?: boolean;
  readonly onSend: () => void;
  readonly onCancel?: () => void;
  readonly children: ComponentChildren;
}

/** A form of the console. What is wrong with a field is said at that field, which then has the focus. */
export function Form({ label, send, isBusy, error, fields, scope, takesFocus = false, onSend, onCancel, children }: Props) {
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => {
    if (takesFocus) form.current?.querySelector("input")?.focus();
  }, [takesFocus]);
  const isOfField = error?.param != null && fields.includes(error.param);
  useEffect(() => {
    if (!isOfField) return;
    const field = form.current?.querySelector(".field-fault")?.closest(".field, .check, .group");
    field?.querySelector<HTMLElement>("input, select, textarea, button")?.focus();
  }, [error, isOfField]);
  return (
    <form
      ref={form}
      class="panel stack"
      {...(label !== undefined && { "aria-label": label })}
      onSubmit={(event) => {
        event.preventDefault();
        onSend();
      }}
    >
      {children}
      <Failure error={isOfField ? null : error} scope={scope} />
      <div class="actions">
        <Button type="submit" kind="primary" busy={isBusy}>{send}</Button>
        {onCancel && <Button onClick={onCancel}>{common.cancel}</Button>}
      </div>
    </form>
  );
}
