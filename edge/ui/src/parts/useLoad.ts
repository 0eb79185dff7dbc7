// What a component shows of the service: asked for, and asked for again from time to time. What is there stays in
// sight until something newer comes, so nothing flickers.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { type ApiError, asApiError, isAbort } from "../api/errors";

export interface Loaded<T> {
  /** What came last; `null`: nothing yet. */
  readonly data: T | null;
  /** Why the last time failed; `null`: it did not. */
  readonly error: ApiError | null;
  /** Whether something else was asked for than what is there. */
  readonly isStale: boolean;
  readonly reload: () => void;
}

interface State<T> {
  readonly data: T | null;
  readonly error: ApiError | null;
  /** What `data` and `error` are the answer to. */
  readonly by: unknown;
}

/** Whether asking once more may help: another key is somebody's to bring, and who is told to wait waits. */
const mayAsk = (refusal: ApiError | null): boolean =>
  refusal === null || (refusal.status !== 401 && refusal.status !== 403 && refusal.status !== 404 && refusal.waitMs === 0);

/**
 * Loads when it is first drawn and whenever `load` is another function (so it comes from `useCallback`), when somebody
 * comes back to this tab, since others may have changed something, and every `everyMs` where that is said, as long as
 * somebody looks.
 */
export function useLoad<T>(load: (signal: AbortSignal) => Promise<T>, everyMs: number | null = null): Loaded<T> {
  const [state, setState] = useState<State<T>>({ data: null, error: null, by: null });
  const [turn, setTurn] = useState(0);
  const refusal = useRef<ApiError | null>(null);

  useEffect(() => {
    const controller = new AbortController();
    refusal.current = null;
    load(controller.signal).then(
      (data) => { setState({ data, error: null, by: load }); },
      (failure: unknown) => {
        if (isAbort(failure) || controller.signal.aborted) return;
        const error = asApiError(failure);
        refusal.current = error;
        // The same failure again is no news: it would be read out anew every few seconds. How long it is to wait is.
        setState((before) => ({ data: before.data, error: before.error?.code === error.code && error.waitMs === 0 ? before.error : error, by: load }));
      },
    );
    return () => { controller.abort(); };
  }, [load, turn]);

  useEffect(() => {
    const again = (): void => {
      if (!document.hidden && mayAsk(refusal.current)) setTurn((times) => times + 1);
    };
    const timer = everyMs === null ? undefined : setInterval(again, everyMs);
    document.addEventListener("visibilitychange", again);
    return () => {
      clearInterval(timer);
      document.removeEventListener("visibilitychange", again);
    };
  }, [everyMs]);

  const reload = useCallback((): void => {
    setState((before) => ({ ...before, error: null }));
    setTurn((times) => times + 1);
  }, []);
  return { data: state.data, error: state.error, isStale: state.by !== load, reload };
}
