// The console's session: a cookie that no script sees stands for a root key. What the pages know of it is that it is there,
// in all tabs, so that nobody is asked who has none.
import { call } from "../api/client";
import { ApiError } from "../api/errors";
import { store } from "../parts/store";

export interface ConsoleSession {
  /** Of the root key that it stands for. */
  readonly rootKeyId: string;
  /** Unix seconds. */
  readonly until: number;
  /** It is none any more; what was typed meanwhile is still there. */
  readonly isOver: boolean;
}

const NAME = "whisper-edge.console";

export const consoleSession = store<ConsoleSession | null>(read());

// Another tab signs in or out: so does this one.
addEventListener("storage", ({ key }) => {
  if (key !== NAME && key !== null) return;
  const now = read();
  const before = consoleSession.get();
  consoleSession.set(now === null && before !== null ? { ...before, isOver: true } : now);
});

/** Has a cookie stand for this root key, which is kept nowhere. */
export async function signIn(key: string): Promise<void> {
  const { root_key_id: rootKeyId, expires_at: until } = await call("post", "/admin/session", { key, cookies: true });
  keep({ rootKeyId, until: until ?? 0, isOver: false });
}

export async function signOut(): Promise<void> {
  try {
    await call("delete", "/admin/session");
  } catch (error) {
    // It was over before.
    if (!(error instanceof ApiError && error.status === 401)) throw error;
  }
  keep(null);
}

/** It was said that there is none: the page stays as it is until somebody signs in again. */
export function isOver(): void {
  const session = consoleSession.get();
  if (session !== null && !session.isOver) consoleSession.set({ ...session, isOver: true });
}

function keep(session: ConsoleSession | null): void {
  consoleSession.set(session);
  try {
    if (session === null) localStorage.removeItem(NAME);
    else localStorage.setItem(NAME, JSON.stringify({ rootKeyId: session.rootKeyId, until: session.until }));
  } catch {
    // Only this tab knows of it then.
  }
}

function read(): ConsoleSession | null {
  try {
    const { rootKeyId, until } = JSON.parse(localStorage.getItem(NAME) ?? "{}") as Record<string, unknown>;
    if (typeof rootKeyId !== "string" || typeof until !== "number" || until * 1000 <= Date.now()) return null;
    return { rootKeyId, until, isOver: false };
  } catch {
    return null;
  }
}
