// What becomes of jobs, while it happens: a few are listened to, the others are asked after.
import { useEffect, useRef } from "preact/hooks";
import { send } from "../api/client";
import { ApiError, isAbort } from "../api/errors";
import { eventsOf } from "../api/events";
import type { Job } from "./settings";

/** A browser keeps six connections to a place (HTTP/1.1): most of them stay free. */
const MOST_STREAMS = 3;
const POLL_MS = 5000;
const AGAIN_MS = 3000;

export const isUnderWay = ({ state }: Job): boolean => state === "queued" || state === "running";

interface Props {
  readonly jobs: readonly Job[];
  readonly apiKey: string;
  /** Whether asking makes sense now. */
  readonly mayPoll: boolean;
  readonly onJob: (job: Job) => void;
  readonly onPoll: () => void;
}

/** Nothing to be seen: it keeps the list as things are. */
export function Live({ jobs, apiKey, mayPoll, onJob, onPoll }: Props) {
  const underWay = jobs.filter(isUnderWay);
  // Those that run, and those whose turn comes next.
  const watched = [...underWay].sort((a, b) => Number(b.state === "running") - Number(a.state === "running") || a.created_at - b.created_at).slice(0, MOST_STREAMS);
  const polls = mayPoll && underWay.length > watched.length;
  const poll = useRef(onPoll);
  poll.current = onPoll;
  useEffect(() => {
    if (!polls) return undefined;
    const timer = setInterval(() => { if (document.visibilityState === "visible") poll.current(); }, POLL_MS);
    return () => { clearInterval(timer); };
  }, [polls]);
  return <>{watched.map(({ id }) => <Watch key={id} id={id} apiKey={apiKey} onJob={onJob} />)}</>;
}

interface WatchProps extends Pick<Props, "apiKey" | "onJob"> {
  readonly id: string;
}

/** Listens to one job, until it is over. */
function Watch({ id, apiKey, onJob }: WatchProps) {
  const tell = useRef(onJob);
  tell.current = onJob;
  useEffect(() => {
    const controller = new AbortController();
    void watch(id, apiKey, controller.signal, (job) => { tell.current(job); });
    return () => { controller.abort(); };
  }, [id, apiKey]);
  return null;
}

async function watch(id: string, key: string, signal: AbortSignal, tell: (job: Job) => void): Promise<void> {
  while (!signal.aborted) {
    let wait = AGAIN_MS;
    try {
      for await (const { data } of eventsOf(await send("get", `/v1/jobs/${id}/events`, { key, signal }))) {
        const { job } = JSON.parse(data) as { job: Job };
        tell(job);
        if (!isUnderWay(job)) return;
      }
    } catch (error) {
      if (isAbort(error)) return;
      // The list says what is wrong with the key, or the job; a connection that broke is made again.
      const isPassing = error instanceof ApiError && (error.status === 0 || error.status === 429 || error.status >= 500);
      if (!isPassing) return;
      wait = Math.max(AGAIN_MS, (error.retryAfter ?? 0) * 1000);
    }
    await pause(wait, signal);
  }
}

const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((done) => {
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      done();
    }, { once: true });
  });
