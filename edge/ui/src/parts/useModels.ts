// The models that may be chosen.
import { useCallback, useEffect, useState } from "preact/hooks";
import { call } from "../api/client";
import { type ApiError, asApiError, isAbort } from "../api/errors";

export interface Models {
  readonly models: readonly string[];
  readonly error: ApiError | null;
  readonly again: () => void;
}

const UNKNOWN = { models: [], error: null } as const;

/** The models that a key may use; asked for when the key is another one. */
export function useModels(key: string | null): Models {
  const [found, setFound] = useState<Omit<Models, "again">>(UNKNOWN);
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    setFound(UNKNOWN);
    if (key === null) return undefined;
    const controller = new AbortController();
    call("get", "/v1/models", { key, signal: controller.signal }).then(
      ({ data }) => { setFound({ models: data.map(({ id }) => id), error: null }); },
      (error: unknown) => { if (!isAbort(error)) setFound({ models: [], error: asApiError(error) }); },
    );
    return () => { controller.abort(); };
  }, [key, turn]);
  return { ...found, again: useCallback((): void => { setTurn((times) => times + 1); }, []) };
}
