// Who is signed in: asked for at the beginning, when somebody comes back to this tab, and when another tab has
// changed something.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { type ApiError, asApiError } from "../api/errors";
import { type PortalState, portalState, type Session, signInByLink, signOut } from "../api/portal";
import { onArrival } from "./link";

export interface Portal {
  /** `null`: not known yet. */
  readonly state: PortalState | null;
  /** Who is signed in here, or was until a moment ago; what he sees stays. */
  readonly session: Session | null;
  /** Whether that session is over, and he is to sign in again. */
  readonly isOver: boolean;
  readonly error: ApiError | null;
  /** Why a link, or the provider, did not sign in. */
  readonly refused: ApiError | null;
  /** Counts what happened elsewhere: lists are to be loaded anew. */
  readonly turn: number;
  readonly check: () => void;
  readonly entered: (state: PortalState) => void;
  readonly leave: (everywhere: boolean) => Promise<void>;
  /** Somebody was told that nobody is signed in. */
  readonly over: () => void;
  /** Tells the other tabs that something was changed. */
  readonly tell: () => void;
}

const CHANNEL = "whisper-edge.portal";

export function usePortal(): Portal {
  const [state, setState] = useState<PortalState | null>(null);
  const [session, setSession] = useState<Session | null>(null);
  const [isOver, setOver] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);
  const [refused, setRefused] = useState<ApiError | null>(null);
  const [turn, setTurn] = useState(0);
  const channel = useRef<BroadcastChannel | null>(null);
  // Whoever is being signed in by a link is not told before that he is nobody.
  const isArriving = useRef(false);

  const take = useCallback((now: PortalState): void => {
    setState(now);
    setError(null);
    setOver(now.session === null);
    // Whoever was here keeps what he sees, until he is here again or leaves.
    if (now.session !== null) {
      setSession(now.session);
      setTurn((times) => times + 1);
    }
  }, []);
  const check = useCallback((): void => {
    if (isArriving.current) return;
    portalState().then(take, (failure: unknown) => { setError(asApiError(failure)); });
  }, [take]);
  const tell = useCallback((): void => { channel.current?.postMessage("changed"); }, []);
  const entered = useCallback((now: PortalState): void => {
    setRefused(null);
    take(now);
    tell();
  }, [take, tell]);

  useEffect(() => {
    const forget = onArrival(({ token, error: failed }) => {
      setRefused(failed);
      if (token === null) return;
      isArriving.current = true;
      void signInByLink(token)
        .then(entered, (failure: unknown) => { setRefused(asApiError(failure)); })
        .finally(() => {
          isArriving.current = false;
          check();
        });
    });
    const back = (): void => {
      if (!document.hidden) check();
    };
    const others = new BroadcastChannel(CHANNEL);
    others.onmessage = check;
    channel.current = others;
    document.addEventListener("visibilitychange", back);
    check();
    return () => {
      forget();
      document.removeEventListener("visibilitychange", back);
      others.close();
      channel.current = null;
    };
  }, [check, entered]);

  const leave = useCallback(async (everywhere: boolean): Promise<void> => {
    await signOut(everywhere);
    setSession(null);
    setOver(false);
    tell();
    check();
  }, [check, tell]);
  const over = useCallback((): void => { setOver(true); }, []);

  return { state, session, isOver, error, refused, turn, check, entered, leave, over, tell };
}
