import type { components } from "../api/schema";
import { Badge } from "../parts/Badge";
import { keysText } from "../text/admin";

type Of = Pick<components["schemas"]["KeyDetail"], "enabled" | "expires_at" | "revoked_at">;

/** How a key stands, in a word. */
export function StateBadge({ of: { enabled, expires_at: expires, revoked_at: revoked } }: { readonly of: Of }) {
  if (revoked != null) return <Badge kind="danger">{keysText.states.revoked}</Badge>;
  if (!enabled) return <Badge kind="warning">{keysText.states.off}</Badge>;
  if (expires != null && expires * 1000 <= Date.now()) return <Badge kind="warning">{keysText.states.expired}</Badge>;
  return <Badge kind="good">{keysText.states.works}</Badge>;
}
