// Bodies on their way to the bucket. They stream: the edge holds no more of one than what is between its two ends.
import { formStored, notStored, partLength, uploadAnswered } from "./index.js";

/** Brings a part of an upload to the bucket. `length`: of the body, as its sender said. The answer. */
export async function uploadPart(call, account, id, number, length) {
  const answer = (answer) => uploadAnswered(call, JSON.stringify(answer));
  const object = call.env.JOBS.getByName(account);
  const part = await object.partOf(id);
  if (part === null) return answer({ error: "missing" });
  if (part.state === "complete") return answer({ error: "complete" });
  const due = partLength(part.bytes, number);
  if (due === 0) return answer({ error: "no_part" });
  if (length !== due) return answer({ error: "length", length: due });
  // What its sender cuts off is not there: the bucket takes it whole or not at all.
  const { BUCKET } = call.env;
  let etag;
  try {
    ({ etag } =
      part.multipart === null
        ? await BUCKET.put(part.place, call.request.body)
        : await BUCKET.resumeMultipartUpload(part.place, part.multipart).uploadPart(number, call.request.body));
  } catch (error) {
    return notStored(call, String(error));
  }
  const view = await object.put(id, number, length, etag);
  return answer(view === null ? { error: "complete" } : { view });
}

/**
 * Keeps a form that came with `Prefer: respond-async`, then makes its job. `items`: as Jobs.create takes them; `once`:
 * the mark of the request and what its body is known by. Where no new job is made the form is deleted.
 */
export async function storeForm(call, account, id, items, once) {
  const place = `forms/${account}/${id}`;
  try {
    await call.env.BUCKET.put(place, call.request.body);
  } catch (error) {
    return notStored(call, String(error));
  }
  const answer = await call.env.JOBS.getByName(account).create(JSON.parse(items), ...JSON.parse(once));
  if (!answer.includes(id)) await call.env.BUCKET.delete(place);
  return formStored(call, answer);
}
