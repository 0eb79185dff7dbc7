// Lists that come page by page, each with the cursor of the next.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { type ApiError, asApiError, isAbort } from "../api/errors";

export interface Page<T> {
  readonly data: readonly T[];
  readonly next_cursor?: string | null;
}

/** Asks for a page; without `limit` it is as long as the page wants it. */
export type Load<T> = (cursor: string | null, signal: AbortSignal, limit?: number) => Promise<Page<T>>;

interface State<T> {
  /** `null`: nothing has come yet. */
  readonly items: readonly T[] | null;
  readonly cursor: string | null;
  readonly isBusy: boolean;
  readonly error: ApiError | null;
  /** What failed: the page after this cursor. */
  readonly failedAt: string | null;
}

export interface Pages<T> extends Pick<State<T>, "items" | "isBusy" | "error"> {
  readonly hasMore: boolean;
  readonly more: () => void;
  /** From the first page on, or what has just failed. */
  readonly again: () => void;
  /** Looks after what is shown, without a sign of it. */
  readonly refresh: () => Promise<void>;
  /** What has become known of items by another way. */
  readonly change: (to: (items: readonly T[]) => readonly T[]) => void;
}

/** The longest page of the API. */
const LONGEST = 1000;

/** `load` is another function where the question is another; `null`: there is nobody to ask. */
export function usePages<T>(load: Load<T> | null): Pages<T> {
  const [state, setState] = useState<State<T>>(nothing);
  const current = useRef<AbortController | null>(null);

  const ask = useCallback(
    async (cursor: string | null): Promise<void> => {
      current.current?.abort();
      if (!load) return;
      const controller = new AbortController();
      current.current = controller;
      setState((before) => ({ ...before, isBusy: true, error: null }));
      try {
        const { data, next_cursor } = await load(cursor, controller.signal);
        setState(({ items }) => ({ ...nothing<T>(), items: cursor === null ? data : [...(items ?? []), ...data], cursor: next_cursor ?? null }));
      } catch (error) {
        if (isAbort(error)) return;
        // What stands there would be the answer to another question.
        setState((before) => ({ ...before, items: cursor === null ? null : before.items, isBusy: false, error: asApiError(error), failedAt: cursor }));
      }
    },
    [load],
  );

  useEffect(() => {
    if (load) void ask(null);
    else setState(nothing);
    return () => current.current?.abort();
  }, [ask, load]);

  const { items, cursor, isBusy, error, failedAt } = state;
  const length = items?.length ?? 0;

  const refresh = async (): Promise<void> => {
    if (!load || isBusy) return;
    const controller = new AbortController();
    current.current = controller;
    try {
      const { data, next_cursor } = await load(null, controller.signal, Math.min(LONGEST, Math.max(1, length)));
      // What lies beyond the longest page stays as it is.
      setState((before) =>
        length > LONGEST ? { ...before, items: [...data, ...(before.items ?? []).slice(data.length)] } : { ...nothing<T>(), items: data, cursor: next_cursor ?? null },
      );
    } catch (failure) {
      if (!isAbort(failure)) setState((before) => ({ ...before, error: asApiError(failure), failedAt: null }));
    }
  };
  const change = useCallback((to: (items: readonly T[]) => readonly T[]): void => {
    setState((before) => ({ ...before, items: to(before.items ?? []) }));
  }, []);

  return {
    items,
    isBusy,
    error,
    hasMore: cursor !== null,
    more: () => void ask(cursor),
    again: () => void ask(failedAt),
    refresh,
    change,
  };
}

const nothing = <T,>(): State<T> => ({ items: null, cursor: null, isBusy: false, error: null, failedAt: null });
