// The course of a job as server-sent events. The object tells of each change; between two a comment keeps the
// connection alive.
import { jobEvent } from "./index.js";

/** When the object is asked again that did not answer. */
const RETRY_MS = 1_000;

/** The events as a stream. `view`: the job as it stands. */
export function jobEvents(env, account, id, view) {
  const encoder = new TextEncoder();
  let seen = "";
  let next = view;
  return new ReadableStream({
    async pull(controller) {
      while (next === seen) {
        try {
          next = await env.JOBS.getByName(account).watch(id, seen);
        } catch {
          await scheduler.wait(RETRY_MS);
        }
        if (next === seen) return controller.enqueue(encoder.encode(": \n\n"));
      }
      if (next === null) return controller.close();
      seen = next;
      const [event, over] = JSON.parse(jobEvent(next));
      controller.enqueue(encoder.encode(`data: {"type":"${event}","job":${next}}\n\n`));
      if (over) controller.close();
    },
  });
}
