// What the object of an account's jobs asks of the host that has one of them (inference/api/src/job.rs).
import { signJob } from "./index.js";

/** How long a host may take to answer. */
const ANSWER_MS = 5_000;
/** Longest report. */
const MOST_BYTES = 64 * 1024;

/** Asks (GET) or ends (DELETE) a job: its report; null where the host knows of none. */
export async function ask(object, { id, spec, host }, method) {
  const { request_id: requestId, claims, signature } = JSON.parse(signJob(object, spec, method, Date.now()));
  const answer = await fetch(`${host}/v1/jobs/${id}`, {
    method,
    headers: { "x-edge-request-id": requestId, "x-edge-claims": claims, "x-edge-signature": signature },
    redirect: "manual",
    signal: AbortSignal.timeout(ANSWER_MS),
  });
  const known = answer.headers.get("x-request-id") === requestId;
  if (known && answer.status === 200) {
    const text = await answer.text();
    if (text.length > MOST_BYTES) throw new Error("a report that is too long");
    return JSON.parse(text);
  }
  await answer.body?.cancel();
  if (known && answer.status === 404) return null;
  throw new Error(`status ${answer.status}${known ? "" : " of another program"}`);
}
