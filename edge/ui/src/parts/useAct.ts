// Something that a person asks for: it is under way once at a time, and says what it failed with.
import { useCallback, useState } from "preact/hooks";
import { type ApiError, asApiError } from "../api/errors";

export interface Act {
  readonly isBusy: boolean;
  readonly error: ApiError | null;
  /** Does it; whether it went well. */
  readonly act: (what: () => Promise<void>) => Promise<boolean>;
  readonly clear: () => void;
}

export function useAct(): Act {
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);
  const act = useCallback(async (what: () => Promise<void>): Promise<boolean> => {
    setBusy(true);
    setError(null);
    try {
      await what();
      return true;
    } catch (failure) {
      setError(asApiError(failure));
      return false;
    } finally {
      setBusy(false);
    }
  }, []);
  const clear = useCallback((): void => { setError(null); }, []);
  return { isBusy, error, act, clear };
}
