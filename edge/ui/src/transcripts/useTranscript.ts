// One transcript: what is known of it, and its segments.
import { useEffect, useState } from "preact/hooks";
import { call, text } from "../api/client";
import { type ApiError, asApiError, isAbort } from "../api/errors";
import type { components } from "../api/schema";

export type Detail = components["schemas"]["TranscriptDetail"];
export type Segment = components["schemas"]["Segment"];

interface Found {
  readonly id: string;
  readonly detail: Detail;
  readonly segments: readonly Segment[];
}

export interface Opened {
  /** `null`: it is on its way, or can't be had. */
  readonly found: Found | null;
  readonly error: ApiError | null;
  readonly again: () => void;
  readonly change: (detail: Partial<Detail>) => void;
}

export function useTranscript(key: string | null, id: string | null): Opened {
  const [found, setFound] = useState<Found | null>(null);
  const [error, setError] = useState<ApiError | null>(null);
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    setError(null);
    if (key === null || id === null) {
      setFound(null);
      return undefined;
    }
    const controller = new AbortController();
    const order = { key, path: { id }, signal: controller.signal };
    Promise.all([call("get", "/v1/transcripts/{id}", order), text("/v1/transcripts/{id}", { ...order, query: { format: "verbose_json" } })]).then(
      ([detail, verbose]) => {
        const { segments } = JSON.parse(verbose) as components["schemas"]["VerboseTranscription"];
        // Without a format the answer is this one of the three.
        setFound({ id, detail: detail as Detail, segments });
      },
      (failure: unknown) => {
        if (!isAbort(failure)) setError(asApiError(failure));
      },
    );
    return () => { controller.abort(); };
  }, [key, id, turn]);
  return {
    found: found?.id === id ? found : null,
    error,
    again: () => { setTurn((before) => before + 1); },
    change: (detail) => { setFound((before) => before && { ...before, detail: { ...before.detail, ...detail } }); },
  };
}
