// Makes one job after the other: the file's upload, then the job.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { call } from "../api/client";
import { type ApiError, asApiError, isAbort } from "../api/errors";
import { sendFile, type Sent } from "./sendFile";
import { type Job, requestOf, type Settings } from "./settings";
import { begun, ended, uploadOf } from "./unfinished";

export interface Making {
  readonly phase: "idle" | "sending" | "making" | "failed";
  readonly sent: Sent | null;
  readonly error: ApiError | null;
}

export interface NewJob {
  readonly making: Making;
  /** Begins, or goes on where it failed. */
  readonly start: (file: File, settings: Settings, key: string) => void;
  /** Ends the upload, and has what has arrived of it thrown away. */
  readonly stop: () => void;
}

const IDLE: Making = { phase: "idle", sent: null, error: null };

export function useNewJob(onMade: (job: Job) => void): NewJob {
  const [making, setMaking] = useState<Making>(IDLE);
  const current = useRef<{ readonly controller: AbortController; readonly key: string; uploadId: string | null } | null>(null);
  const name = useRef(nameOfRequest());

  const start = (file: File, settings: Settings, key: string): void => {
    current.current?.controller.abort();
    const controller = new AbortController();
    const run = { controller, key, uploadId: uploadOf(file) };
    current.current = run;
    const { signal } = controller;
    const change = (to: Making): void => {
      if (current.current === run) setMaking(to);
    };
    change({ phase: "sending", sent: null, error: null });
    void (async () => {
      try {
        const onBegun = (id: string): void => {
          run.uploadId = id;
          begun(id, file);
        };
        const tell = (sent: Sent): void => { change({ phase: "sending", sent, error: null }); };
        const id = await sendFile({ file, key, signal, uploadId: run.uploadId, onBegun, tell });
        change({ phase: "making", sent: null, error: null });
        const body = requestOf(settings, id);
        // Where the answer is lost, the same request makes no second job.
        const job = await call("post", "/v1/jobs", { key, body, headers: { "idempotency-key": name.current(JSON.stringify(body)) }, signal });
        ended();
        change(IDLE);
        onMade(job);
      } catch (error) {
        change(isAbort(error) ? IDLE : { phase: "failed", sent: null, error: asApiError(error) });
      }
    })();
  };

  const stop = useCallback((): void => {
    const run = current.current;
    current.current = null;
    run?.controller.abort();
    setMaking(IDLE);
    const id = run?.uploadId;
    if (!run || id == null) return;
    ended();
    // What can't be thrown away now goes by itself, in two days.
    call("delete", "/v1/uploads/{id}", { key: run.key, path: { id } }).catch(() => undefined);
  }, []);

  // Who leaves amid an upload is asked whether he means it.
  const isBusy = making.phase === "sending" || making.phase === "making";
  useEffect(() => {
    if (!isBusy) return undefined;
    const ask = (event: BeforeUnloadEvent): void => { event.preventDefault(); };
    addEventListener("beforeunload", ask);
    return () => { removeEventListener("beforeunload", ask); };
  }, [isBusy]);

  return { making, start, stop };
}

/** Names requests for the API's Idempotency-Key: the same one as long as it is the same request. */
function nameOfRequest(): (request: string) => string {
  let last = "";
  let name = "";
  return (request) => {
    if (request !== last) {
      last = request;
      name = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
    }
    return name;
  };
}
