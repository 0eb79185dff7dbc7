// Runs transcriptions, one at a time, and says how the latest stands.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { type ApiError, asApiError, isAbort } from "../api/errors";
import type { Piece } from "../heard/pieces";
import type { Settings } from "./settings";
import { type Progress, transcribe, wordsOf } from "./transcribe";

export interface Run {
  readonly phase: "idle" | "sending" | "hearing" | "done" | "failed" | "cancelled";
  /** Bytes of the body. */
  readonly sent: number;
  readonly total: number;
  readonly text: string;
  readonly pieces: readonly Piece[];
  /** The answer as it came, where it came as a whole. */
  readonly raw: string | null;
  /** What was asked for. */
  readonly settings: Settings | null;
  readonly fileName: string;
  readonly transcriptId: string | null;
  readonly wordsMissing: boolean;
  readonly error: ApiError | null;
}

const IDLE: Run = {
  phase: "idle",
  sent: 0,
  total: 0,
  text: "",
  pieces: [],
  raw: null,
  settings: null,
  fileName: "",
  transcriptId: null,
  wordsMissing: false,
  error: null,
};

export interface Transcription {
  readonly run: Run;
  readonly start: (settings: Settings, file: File, key: string) => void;
  readonly cancel: () => void;
  readonly clear: () => void;
}

export function useTranscription(): Transcription {
  const [run, setRun] = useState<Run>(IDLE);
  const current = useRef<AbortController | null>(null);

  const start = useCallback((settings: Settings, file: File, key: string): void => {
    current.current?.abort();
    const controller = new AbortController();
    current.current = controller;
    const { signal } = controller;
    // What an earlier run still says is nobody's business any more.
    const change = (to: (run: Run) => Run): void => {
      if (current.current === controller) setRun(to);
    };
    setRun({ ...IDLE, phase: "sending", total: file.size, settings, fileName: file.name });
    const tell = (progress: Progress): void => { change((before) => after(before, progress)); };
    void (async () => {
      try {
        const id = await transcribe({ settings, file, key, signal, tell });
        change((before) => ({ ...before, phase: "done" }));
        if (id !== null && settings.format === "stream") await addWords(id, key, signal, tell);
      } catch (error) {
        change((before) => (isAbort(error) ? { ...before, phase: "cancelled" } : { ...before, phase: "failed", error: asApiError(error) }));
      }
    })();
  }, []);

  const cancel = useCallback((): void => current.current?.abort(), []);

  const clear = useCallback((): void => {
    const controller = current.current;
    current.current = null;
    controller?.abort();
    setRun(IDLE);
  }, []);

  // Whoever leaves the page gives the request up, and finds it given up if he comes back.
  useEffect(() => {
    addEventListener("pagehide", cancel);
    return () => {
      removeEventListener("pagehide", cancel);
      cancel();
    };
  }, [cancel]);

  return { run, start, cancel, clear };
}

function after(before: Run, { sent, ...rest }: Progress): Run {
  // What comes late, as the words of a kept transcript do, changes no more than itself.
  if (before.phase !== "sending") return { ...before, ...rest };
  if (sent === undefined) return { ...before, ...rest, phase: "hearing" };
  const [bytes, total] = sent;
  return { ...before, sent: bytes, total, phase: bytes < total ? "sending" : "hearing" };
}

// The transcript is complete without them: what fails here is said, and no more.
async function addWords(id: string, key: string, signal: AbortSignal, tell: (progress: Progress) => void): Promise<void> {
  try {
    tell({ pieces: await wordsOf(id, key, signal) });
  } catch (error) {
    if (isAbort(error)) return;
    tell({ wordsMissing: true });
  }
}
