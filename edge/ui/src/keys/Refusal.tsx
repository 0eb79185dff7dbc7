import type { ApiError } from "../api/errors";
import { ErrorNotice } from "../parts/ErrorNotice";

/** Why something failed; that nobody is signed in is told by the dialog that asks for it. */
export function Refusal({ error, onRetry }: { readonly error: ApiError | null; readonly onRetry?: () => void }) {
  if (error === null || error.code === "no_session") return null;
  return <ErrorNotice error={error} {...(onRetry && { onRetry })} />;
}
