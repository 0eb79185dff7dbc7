// What is still to be done for a job that is over: each debt is a letter in its row, and is paid until it is. Paying
// one twice has no effect: the lease, the event and the row of the dead have the job's id.
import { keepAudio } from "./job_audio.js";
import { ask } from "./job_hosts.js";
import { tell } from "./news.js";

/** How long a host that does not answer is asked to end a job; one that is gone has ended it. */
const STOP_MS = 60_000;

const BURY =
  "INSERT OR REPLACE INTO dead_jobs(id,account,owner,key_id,name,attempts,error,created_at,ended_at) VALUES(?,?,?,?,?,?,?,?,?)";

/** The end of a job as its settlement tells it. */
function measured({ state, status, cached, heard_ms: heard, duration_ms: duration, created, ended, spec }) {
  const audioMs = state === "succeeded" ? (cached ? 0 : (duration ?? heard)) : heard;
  return [state === "succeeded" ? 200 : (status ?? 500), audioMs, JSON.parse(spec).bytes ?? 0, ended - created];
}

/** The event that tells of the end: thin, whoever wants more asks. */
function event({ id, state, transcript, spec }) {
  return { job_id: id, state, transcript_id: transcript, metadata: JSON.parse(spec).metadata };
}

const DEBTS = {
  /** Its host ends it; what that had heard is charged. */
  async x(object, row, heard) {
    try {
      const report = await ask(object, row, "DELETE");
      if (report !== null) heard(Math.round(report.audio_seconds * 1000));
    } catch (error) {
      if (Date.now() - row.ended < STOP_MS) throw error;
    }
  },
  /** The limits of its key hear of the end. */
  s: ({ env }, row) => env.LIMITER.getByName(row.key_id).settle(row.id, ...measured(row)),
  /** The webhooks of the account do. */
  e({ env, ctx }, row) {
    const name = `evt_${row.id.slice("job_".length)}${row.round === 0 ? "" : row.round}`;
    const only = JSON.parse(row.spec).webhook;
    return env.WEBHOOKS.getByName(ctx.id.name).event(name, `job.${row.state}`, event(row), only);
  },
  /** Administrators find it among the dead, and not any more. */
  d({ env, ctx }, row) {
    const { key, name } = JSON.parse(row.spec);
    const values = [row.id, ctx.id.name, key.owner, key.id, name, row.failures, row.error, row.created, row.ended];
    return env.DB.prepare(BURY).bind(...values).run();
  },
  r: ({ env }, row) => env.DB.prepare("DELETE FROM dead_jobs WHERE id=?").bind(row.id).run(),
  /** The audit hears that it was tried again. */
  a: ({ env }, row) => tell(env, [{ kind: "audit", event: JSON.parse(row.event) }]),
  /** Its audio stays beside its transcript. */
  k: keepAudio,
  /** The form that it came as is deleted. */
  c: ({ env, ctx }, row) => env.BUCKET.delete(`forms/${ctx.id.name}/${row.id}`),
};

/**
 * Pays what a job owes, all that can be; whether something is left. `paid(letter)`, `heard(ms)`: what is written down of
 * it.
 */
export async function pay(object, row, paid, heard) {
  let heardMs = row.heard_ms;
  const hear = (ms) => {
    heardMs = Math.max(heardMs, ms);
    heard(ms);
  };
  const pays = async (letter) => {
    try {
      await DEBTS[letter](object, { ...row, heard_ms: heardMs }, hear);
      paid(letter);
      return true;
    } catch (error) {
      console.error(JSON.stringify({ level: "warn", msg: "job not settled yet", job: row.id, debt: letter, cause: String(error) }));
      return false;
    }
  };
  const owed = [...new Set(row.owes)];
  // What was heard is known, and can be charged, only when its host has ended it.
  const stopped = !owed.includes("x") || (await pays("x"));
  const rest = owed.filter((letter) => letter !== "x" && (stopped || letter !== "s"));
  const done = await Promise.all(rest.map(pays));
  return !stopped || done.includes(false);
}
