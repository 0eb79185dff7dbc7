import type { ComponentChildren, RefObject } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { ApiError } from "../api/errors";
import type { components } from "../api/schema";
import { ErrorNotice } from "../parts/ErrorNotice";
import { Notice } from "../parts/Notice";
import { admin } from "../text/admin";
import { isOver } from "./consoleSession";
import { useRootKey } from "./rootKey";

interface Props {
  readonly title: string;
  readonly lead?: string;
  /** What can be done here, beside the title. */
  readonly actions?: ComponentChildren;
  readonly children: ComponentChildren;
}

export function Section({ title, lead, actions, children }: Props) {
  const section = useRef<HTMLElement>(null);
  useFocusKept(section);
  return (
    <section ref={section} class="stack" aria-labelledby="section">
      <div class="section-head">
        <h2 id="section" tabIndex={-1} dir="auto">{title}</h2>
        {actions && <div class="actions">{actions}</div>}
      </div>
      {lead && <p class="soft">{lead}</p>}
      {children}
    </section>
  );
}

/** Reading goes on at the section's title, where nothing has the focus. */
export function focusTitle(): void {
  if (document.activeElement === document.body) document.getElementById("section")?.focus();
}

/** A button may vanish with what it did, a row of a list with what was done to it: the focus is not to be lost with it. */
function useFocusKept(section: RefObject<HTMLElement | null>): void {
  const last = useRef<Node | null>(null);
  useEffect(() => {
    const element = section.current;
    const note = ({ target }: FocusEvent): void => { last.current = target instanceof Node ? target : null; };
    element?.addEventListener("focusin", note);
    return () => { element?.removeEventListener("focusin", note); };
  }, [section]);
  useEffect(() => {
    if (last.current === null || last.current.isConnected) return;
    last.current = null;
    focusTitle();
  });
}

/** That a root key is none. */
export const badKey = () => <Notice kind="danger" title={admin.badKey.title} alert><p>{admin.badKey.detail}</p></Notice>;

interface FailureProps {
  readonly error: ApiError | null;
  /** What a root key needs for this. */
  readonly scope: components["schemas"]["AdminScope"];
  readonly onRetry?: () => void;
}

/** Why something of the console failed: a root key that is none, one that may not, or what else it is. */
export function Failure({ error, scope, onRetry }: FailureProps) {
  // A cookie whose time is over is not sent any more.
  const isSessionOver = useRootKey() === null && (error?.code === "no_session" || error?.code === "missing_api_key");
  useEffect(() => {
    if (isSessionOver) isOver();
  }, [isSessionOver]);
  if (error === null) return null;
  if (error.code === "insufficient_scope") {
    return <Notice kind="warning" title={admin.scopeMissing.title}><p>{admin.scopeMissing.detail(scope)}</p></Notice>;
  }
  // Where somebody signs in, it is told.
  if (isSessionOver) return null;
  if (error.status === 401) return badKey();
  return <ErrorNotice error={error} {...(onRetry && { onRetry })} />;
}
