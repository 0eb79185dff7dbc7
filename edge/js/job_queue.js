// What a message of the queue brings about: a job is handed to a host, its audio streamed out of the bucket. No
// byte of it enters wasm. Who has the last word is the account's object (jobs.js): a message that comes twice, late, or
// after the job was ended finds nothing to do.
import { jobHanded, prepareJob } from "./index.js";
import { FAILED, forward, GONE, NOBODY, STRANGER, TIMED_OUT } from "./forward.js";
import { formAround, plainForm } from "./form.js";
import { findHost, keepListed, LOAD } from "./hosts.js";
import { ask } from "./job_hosts.js";

/** How often the object hears that the handing goes on: three times in what it allows (jobs.js). */
const SAY_EVERY_MS = 5_000;
/** The most of an answer that is read. */
const MOST_BYTES = 64 * 1024;
/** A host that was never reached, or was no host. */
const UNREACHED = [FAILED, TIMED_OUT, STRANGER, GONE, NOBODY];

const failure = (status, code, message, type = "server_error") => ({ status, error: { message, type, param: null, code } });
const UNAVAILABLE = failure(503, "upstream_unavailable", "No inference host is reachable at present.");
const REFUSED = failure(502, "upstream_failed", "The inference host failed to answer.");
const AWAY = failure(404, "not_found", "The file of the job is not there any more.", "invalid_request_error");

/** Takes a batch of messages. What fails here, and is no failure of the job, comes again, and in the end among the dead. */
export async function consume(batch, env, ctx, newCall) {
  await Promise.all(
    batch.messages.map(async (message) => {
      try {
        await hand(message.body, env, ctx, newCall);
        message.ack();
      } catch (error) {
        console.error(JSON.stringify({ level: "error", msg: "job not handed on", cause: String(error) }));
        message.retry({ delaySeconds: Math.min(2 ** message.attempts, 600) });
      }
    }),
  );
}

/** Messages that failed again and again: the object sends another one where its job is still to be done. */
export async function bury(batch) {
  for (const { body } of batch.messages) {
    console.error(JSON.stringify({ level: "error", msg: "message about a job given up", job: body?.id }));
  }
  batch.ackAll();
}

async function hand({ account, id }, env, ctx, newCall) {
  const object = env.JOBS.getByName(account);
  const plan = await object.take(id);
  if (plan === null) return;
  const { attempt } = plan;
  const leave = new AbortController();
  // As long as it says so, the object waits; a consumer that falls is noticed.
  const saying = setInterval(async () => {
    const wanted = await object.handing(id, attempt).catch(() => true);
    if (!wanted) leave.abort();
  }, SAY_EVERY_MS);
  try {
    const form = await formOf(plan, account, id, env);
    if (form === null) return await object.failed(id, attempt, AWAY);
    const call = newCall(new Request("https://jobs.invalid/", { method: "POST" }), env, ctx);
    call.request = { method: "POST", signal: leave.signal, ...form };
    const outcome = await send(call, plan);
    if (outcome !== 200 && outcome !== 202) return await object.failed(id, attempt, await told(call, outcome));
    await call.upstream.body?.cancel();
    const host = new URL(call.outgoing.url).origin;
    if (!(await object.started(id, attempt, host))) await ask(call, { id, spec: plan.spec, host }, "DELETE").catch(() => {});
  } finally {
    clearInterval(saying);
  }
}

/** Body and headers of what goes to the host; null where the file is gone. */
async function formOf({ input, fields, upload }, account, id, env) {
  if (input.url !== undefined) return plainForm(fields);
  if (input.form !== undefined) {
    const object = await env.BUCKET.get(`forms/${account}/${id}`);
    return object && { body: object.body, headers: new Headers({ "content-type": input.form.content_type }) };
  }
  const object = upload && (await env.BUCKET.get(`uploads/${account}/${upload.id}`));
  return object && formAround(fields, upload.name, object.body, object.size);
}

/** Sends it to a host: its status, or why there is none. */
async function send(call, { spec, upload }) {
  if (!prepareJob(call, spec, upload?.sha256 ?? "", Date.now())) return NOBODY;
  keepListed(call);
  const { outgoing } = call;
  const outcome = (outgoing.ask || outgoing.url === "" ? await findHost(call) : null) ?? (await forward(call));
  jobHanded(call, outcome, outgoing.host, call.upstream?.headers.get(LOAD) ?? "", Date.now());
  return outcome;
}

/** A host's refusal as the job's failure. What is between edge and host alone is nothing that its owner did. */
async function told(call, outcome) {
  if (UNREACHED.includes(outcome)) {
    console.error(JSON.stringify({ level: "warn", msg: "no host for a job", cause: call.cause }));
    return UNAVAILABLE;
  }
  const text = (await call.upstream.text()).slice(0, MOST_BYTES);
  try {
    const { error } = JSON.parse(text);
    const between = outcome === 401 || (outcome === 404 && error.code === "not_found") || outcome === 405;
    return between ? REFUSED : { status: outcome, error };
  } catch {
    return REFUSED;
  }
}
