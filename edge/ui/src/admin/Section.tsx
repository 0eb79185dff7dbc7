import type { ComponentChildren } from "preact";
import type { components } from "../api/schema";
import type { ApiError } from "../api/errors";
import { ErrorNotice } from "../parts/ErrorNotice";
import { Notice } from "../parts/Notice";
import { admin } from "../text/admin";

/** What a root key may do; inviting to the portal among it. */
export type AdminScope = components["schemas"]["AdminScope"] | "admin:portal";

interface Props {
  readonly title: string;
  readonly lead?: string;
  /** What can be done here, beside the title. */
  readonly actions?: ComponentChildren;
  readonly children: ComponentChildren;
}

export function Section({ title, lead, actions, children }: Props) {
  return (
    <section class="stack" aria-labelledby="section">
      <div class="section-head">
        <h2 id="section" tabIndex={-1} dir="auto">{title}</h2>
        {actions && <div class="actions">{actions}</div>}
      </div>
      {lead && <p class="soft">{lead}</p>}
      {children}
    </section>
  );
}

interface FailureProps {
  readonly error: ApiError | null;
  /** What a root key needs for this. */
  readonly scope: AdminScope;
  readonly onRetry?: () => void;
}

/** Why something of the console failed: a root key that is none, one that may not, or what else it is. */
export function Failure({ error, scope, onRetry }: FailureProps) {
  if (error === null) return null;
  if (error.code === "insufficient_scope") {
    return <Notice kind="warning" title={admin.scopeMissing.title}><p>{admin.scopeMissing.detail(scope)}</p></Notice>;
  }
  if (error.status === 401) return <Notice kind="danger" title={admin.badKey.title} alert><p>{admin.badKey.detail}</p></Notice>;
  return <ErrorNotice error={error} {...(onRetry && { onRetry })} />;
}
