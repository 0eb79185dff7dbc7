// An account's jobs: who has his turn, what a host has, what is owed when one is over. The one authority for them.
//
// Atomicity: every change of a row is one statement (job_store.js) that says what it expects; what is awaited comes
// before or after it, never within. Whatever is awaited may fail or never come back: each row holds when it is looked
// at again (`due`), and the alarm is set for the earliest. So a job goes on after any failure, of this object too, and
// what it does to others, which it may do twice, has an effect once: a transcript and a charge and an event have ids.
import { DurableObject } from "cloudflare:workers";
import { jobFate, jobLimits, jobPollAfter, jobStart, jobView } from "./index.js";
import { AccountUploads } from "./account_uploads.js";
import { refusalOf } from "./courier.js";
import { keepAudio } from "./job_audio.js";
import { pay } from "./job_debts.js";
import { ask } from "./job_hosts.js";
import { JobStore } from "./job_store.js";

/** Most jobs that are not over. */
const MOST_JOBS = 10_000;
/** How long a message about a job may take to come; then it is sent again. */
const MESSAGE_MS = 60_000;
/** The same for those sent before this object was evicted, or fell. */
const MESSAGE_AGAIN_MS = 3_000;
/** How long a consumer may be silent that hands a job to a host. It says that it is there three times in it. */
const HANDING_MS = 15_000;
/** When something is tried again that another part of the platform did not answer. */
const RETRY_MS = 5_000;
/** When a silent host is asked again, and how long it may be silent before the job goes to another one. */
const ASK_AGAIN_MS = 1_000;
const SILENT_MS = 10_000;
/** What a host says that has no room for a job, and when it, or another one, is asked again. */
const FULL = "queue_full";
const FULL_MS = 1_000;
/** How long somebody who looks on waits for news. */
const WATCH_MS = 15_000;
/** The alarm rings no earlier than so. */
const SOONEST_MS = 20;

const LOST = { status: 503, error: { message: "The inference host was lost.", type: "server_error", param: null, code: "upstream_unavailable" } };

export class Jobs extends DurableObject {
  #jobs = new JobStore(this.ctx.storage);
  #uploads = new AccountUploads(this.ctx, this.env);
  #limits = null;
  #round = Promise.resolve();
  #next = null;
  #alarm = 0;
  #watching = new Map();

  constructor(ctx, env) {
    super(ctx, env);
    if (this.#jobs.isEmpty) return;
    this.#jobs.wakeUp(Date.now() + MESSAGE_AGAIN_MS);
    this.#arm();
  }

  #settings() {
    this.#limits ??= JSON.parse(jobLimits(this));
    return this.#limits;
  }

  /**
   * Makes jobs. `items`: `{ spec }` or `{ error }`, an item that was wrong already. The answer to each: `{ view }` or
   * `{ error }`. With a `mark`, the same request (`body`) again gets the same answer.
   */
  create(items, mark, body) {
    const now = Date.now();
    if (mark !== "") {
      const before = this.#jobs.answered(mark, now);
      if (before !== undefined) return before.body === body ? before.answer : '{"error":"reused"}';
    }
    if (this.#jobs.unfinished + items.length > MOST_JOBS) return `{"error":"full","most":${MOST_JOBS}}`;
    const made = items.map((item) => (item.error === undefined ? this.#make(item.spec, now) : item));
    const answer = JSON.stringify({ items: made });
    if (mark !== "") this.#jobs.remember(mark, body, answer, now);
    this.#arm(now);
    this.ctx.waitUntil(this.#work());
    return answer;
  }

  #make(spec, now) {
    const { upload, url } = spec.input;
    // Where a name leads its host finds out, at every hop.
    if (url !== undefined && refusalOf(this.env, url) !== undefined) return { missing: "address" };
    if (upload !== undefined) {
      const row = this.#uploads.get(upload);
      if (row === undefined) return { missing: "upload" };
      if (row.state !== "complete") return { missing: "parts" };
      spec.name ??= row.name;
      spec.bytes = row.bytes;
      this.#uploads.prolong(upload, now);
    }
    this.#jobs.add(spec, now);
    return { view: this.view(spec.id) };
  }

  /** A job as its owner sees it, as JSON; null where there is none. */
  view(id) {
    const row = this.#jobs.get(id);
    return row === undefined ? null : jobView(JSON.stringify(row));
  }

  /** A page of jobs before the number `before`: `[[number, view], ...]`. */
  list(state, before, limit) {
    return this.#jobs.page(state, before, limit).map((row) => [row.n, jobView(JSON.stringify(row))]);
  }

  /** The job once it is another than `seen` says, or after a while as it is. */
  async watch(id, seen) {
    const view = this.view(id);
    if (view === null || view !== seen) return view;
    const row = this.#jobs.get(id);
    if (row.phase === "over") return view;
    let news;
    const changed = new Promise((done) => (news = done));
    const watchers = this.#watching.get(id) ?? new Set();
    this.#watching.set(id, watchers.add(news));
    if (row.phase === "running") this.#soon(row);
    try {
      await Promise.race([changed, scheduler.wait(WATCH_MS)]);
    } finally {
      watchers.delete(news);
      if (watchers.size === 0) this.#watching.delete(id);
    }
    return this.view(id);
  }

  /** Ends a job, whatever is done for it at present. Gives it as it is then; null where there is none. */
  async cancel(id) {
    const row = this.#jobs.get(id);
    if (row === undefined) return null;
    this.#end(row, "cancelled", { status: 499, owes: row.phase === "running" ? "x" : "" });
    await this.#work();
    return this.view(id);
  }

  /** A consumer takes a job that there is a message about: what it needs, null where there is nothing to do (any more). */
  take(id) {
    const row = this.#jobs.take(id, Date.now() + HANDING_MS);
    if (row === undefined) return null;
    this.#arm();
    const spec = JSON.parse(row.spec);
    const upload = spec.input.upload === undefined ? null : (this.#uploads.held(spec.input.upload) ?? null);
    return { attempt: row.attempt, spec: row.spec, input: spec.input, fields: spec.fields, upload };
  }

  /** The consumer is still at it; false: it need not be. */
  handing(id, attempt) {
    const row = this.#jobs.handing(id, attempt, Date.now() + HANDING_MS);
    return row !== undefined;
  }

  /** A host has taken it. False: the job is not wanted any more, and is to be ended there. */
  started(id, attempt, host) {
    const now = Date.now();
    const row = this.#jobs.run(id, attempt, host, now, now + jobPollAfter(0, this.#watching.has(id)));
    if (row === undefined) return false;
    this.#changed(id);
    this.#arm();
    return true;
  }

  /** An attempt came to nothing. `failure`: the status that a waiting caller would have got, and the error. */
  failed(id, attempt, failure) {
    const row = this.#jobs.get(id);
    if (row === undefined || row.attempt !== attempt || row.phase === "over") return;
    this.#fail(row, failure);
    this.#arm();
    this.ctx.waitUntil(this.#work());
  }

  /** Its host has brought the transcript: it is over, or will be in a moment. */
  noticed(id) {
    const row = this.#jobs.get(id);
    if (row?.phase === "running") this.#soon(row);
  }

  /** Tries a job again that was given up, and tells the audit; null where there is none, false where it is not dead. */
  async retry(id, event) {
    await this.#work();
    const row = this.#jobs.get(id);
    if (row === undefined) return null;
    if (this.#jobs.revive(id, JSON.stringify(event), Date.now()) === undefined) return false;
    this.#changed(id);
    await this.#work();
    return this.view(id);
  }

  // Uploads (account_uploads.js; uploads.js brings the parts to the bucket).

  async createUpload(wish, parts, mark, body) {
    const answer = await this.#uploads.create(wish, parts, mark, body, this.#jobs);
    this.#arm();
    return answer;
  }

  uploadView(id) {
    return this.#uploads.view(id);
  }

  partOf(id) {
    return this.#uploads.partOf(id);
  }

  put(id, part, bytes, etag) {
    return this.#uploads.brought(id, part, bytes, etag);
  }

  async deleteUpload(id) {
    if (!this.#uploads.remove(id)) return false;
    await this.#tidy(Date.now());
    this.#arm();
    return true;
  }

  /** Forgets everything. How many rows that was. */
  async purge() {
    const rows = this.#jobs.rows + this.#uploads.rows;
    await Promise.all(this.#jobs.withHost().map((row) => ask(this, row, "DELETE").catch(() => {})));
    for (const folder of ["uploads", "forms"]) {
      for (;;) {
        const { objects } = await this.env.BUCKET.list({ prefix: `${folder}/${this.ctx.id.name}/` });
        if (objects.length === 0) break;
        await this.env.BUCKET.delete(objects.map(({ key }) => key));
      }
    }
    await this.ctx.storage.deleteAlarm();
    await this.ctx.storage.deleteAll();
    this.#jobs = new JobStore(this.ctx.storage);
    this.#uploads = new AccountUploads(this.ctx, this.env);
    return rows;
  }

  async alarm() {
    this.#alarm = 0;
    await this.#work();
  }

  /** Does what is due. Calls that come while it is done share the next round. */
  #work() {
    if (this.#next === null) {
      this.#next = this.#round.then(async () => {
        this.#next = null;
        try {
          await this.#turn();
        } catch (error) {
          console.error(JSON.stringify({ level: "error", msg: "jobs not worked on", cause: String(error) }));
          this.#arm(Date.now() + RETRY_MS);
        }
      });
      this.#round = this.#next;
    }
    return this.#next;
  }

  async #turn() {
    const now = Date.now();
    for (const row of this.#jobs.sentAndDue(now)) {
      if (row.taken) this.#fail(row, LOST);
      else this.#jobs.unsend(row.id, now);
    }
    await Promise.all(this.#jobs.runningAndDue(now).map((row) => this.#poll(row)));
    await Promise.all(this.#jobs.owing(Date.now()).map((row) => this.#settle(row)));
    await this.#pump();
    await this.#tidy(now);
    this.#arm();
  }

  /** Gives the next ones their turn while there is room. */
  async #pump() {
    const { at_once: atOnce, lease_ms: leaseMs } = this.#settings();
    for (;;) {
      const row = this.#jobs.busy < atOnce ? this.#jobs.next(Date.now()) : undefined;
      if (row === undefined) return;
      if (!row.admitted && !(await this.#admit(row, leaseMs))) continue;
      if (this.#jobs.send(row.id, Date.now() + MESSAGE_MS) === undefined) continue;
      try {
        await this.env.JOB_QUEUE.send({ account: this.ctx.id.name, id: row.id });
      } catch (error) {
        console.error(JSON.stringify({ level: "warn", msg: "job not sent", cause: String(error) }));
        this.#jobs.postpone(row.id, Date.now() + RETRY_MS);
      }
    }
  }

  /** Charges the limits of its key; whether it may start. Asked twice they charge once: the lease has the job's id. */
  async #admit(row, leaseMs) {
    const { key } = JSON.parse(row.spec);
    let packed;
    try {
      const limiter = this.env.LIMITER.getByName(key.id);
      packed = await limiter.admitUpload(key.cost, key.generation, 0, 0, 0, 0, "", row.id, leaseMs);
    } catch {
      this.#jobs.postpone(row.id, Date.now() + RETRY_MS);
      return false;
    }
    const word = JSON.parse(jobStart(packed, Date.now()));
    if (word === "go") return this.#jobs.admit(row.id)?.phase === "waiting";
    if (word.never !== undefined) this.#end(row, "failed", { ...word.never, owes: "" });
    else this.#jobs.hold(key.id, Date.now() + word.later);
    return false;
  }

  /** Asks the host of a job how it stands. */
  async #poll(row) {
    const { id, attempt } = row;
    const now = Date.now();
    let report;
    try {
      report = await ask(this, row, "GET");
    } catch (error) {
      if (row.silent !== null && now - row.silent > SILENT_MS) {
        this.#fail(row, LOST);
        return;
      }
      console.error(JSON.stringify({ level: "warn", msg: "host does not tell of a job", job: id, cause: String(error) }));
      this.#jobs.silent(id, attempt, now, Date.now() + ASK_AGAIN_MS);
      return;
    }
    // It knows of none: it was started anew, or ends.
    if (report === null || report.state === "cancelled") {
      this.#fail(row, LOST);
      return;
    }
    const durationMs = report.duration === null ? null : Math.round(report.duration * 1000);
    if (report.state === "failed") {
      this.#jobs.heard(id, Math.round(report.audio_seconds * 1000));
      this.#fail(row, report.error);
    } else if (report.state === "succeeded") {
      const { transcript } = report;
      // What an earlier attempt of the same job has brought was not there before the job.
      const spec = JSON.parse(row.spec);
      const cached = report.cached && transcript !== spec.keep.id ? 1 : 0;
      const owes = spec.keep_audio ? await this.#keep(row, transcript) : "";
      this.#end(row, "succeeded", { status: 200, transcript, cached, durationMs, owes });
    } else {
      const due = Date.now() + jobPollAfter(now - row.since, this.#watching.has(id));
      const heardMs = Math.round(report.audio_seconds * 1000);
      const told = this.#jobs.tell(id, attempt, { progress: report.progress, heardMs, durationMs }, due);
      if (told !== undefined && (told.progress !== row.progress || told.duration_ms !== row.duration_ms)) this.#changed(id);
    }
  }

  /** Keeps its audio before anybody is told of its end; what can't be done now it owes. */
  async #keep(row, transcript) {
    try {
      await keepAudio(this, { ...row, transcript });
      return "";
    } catch (error) {
      console.error(JSON.stringify({ level: "warn", msg: "audio not kept yet", job: row.id, cause: String(error) }));
      return "k";
    }
  }

  /** What becomes of a job whose attempt failed. */
  #fail(row, { status, error }) {
    // A host that has no room has not tried.
    const isFull = error.code === FULL;
    const failures = row.failures + (isFull ? 0 : 1);
    const fate = isFull ? { again: FULL_MS } : JSON.parse(jobFate(status, failures, this.#settings().attempts));
    if (fate.again !== undefined) {
      if (this.#jobs.again(row.id, row.attempt, failures, Date.now() + fate.again) !== undefined) this.#changed(row.id);
      return;
    }
    const dead = fate === "dead" ? 1 : 0;
    this.#end(row, "failed", { status, error: JSON.stringify(error), dead, failures, owes: dead ? "d" : "" });
  }

  /** Ends a job: what it owes then is written down in the same statement. */
  #end(row, state, how) {
    const error = typeof how.error === "object" ? JSON.stringify(how.error) : how.error;
    const admitted = this.#jobs.get(row.id)?.admitted ? "s" : "";
    const form = JSON.parse(row.spec).input.form !== undefined && !how.dead ? "c" : "";
    const ended = this.#jobs.end(row.id, state, { ...how, error, owes: `${how.owes}${admitted}e${form}` }, Date.now());
    if (ended === undefined) return;
    this.#jobs.release(row.key_id, Date.now());
    this.#changed(row.id);
  }

  async #settle(row) {
    const left = await pay(this, row, (letter) => this.#jobs.paid(row.id, letter), (ms) => this.#jobs.heard(row.id, ms));
    if (left) this.#jobs.postponeDebts(row.id, Date.now() + RETRY_MS);
  }

  /** Removes what nobody needs any more. */
  async #tidy(now) {
    await this.#uploads.tidy(now, (id) => this.#jobs.needs(id));
    for (const row of this.#jobs.forgotten(now)) {
      if (row.dead) await this.env.BUCKET.delete(`forms/${this.ctx.id.name}/${row.id}`);
      this.#jobs.forget(row.id);
    }
  }

  /** A running job is asked about at once. */
  #soon(row) {
    this.#jobs.postpone(row.id, Date.now());
    this.#arm();
  }

  #changed(id) {
    for (const news of this.#watching.get(id) ?? []) news();
  }

  /** Sets the alarm for what is due first, or earlier. */
  #arm(by = Infinity) {
    const full = this.#jobs.busy >= this.#settings().at_once;
    const due = Math.min(by, this.#jobs.nextDue(full), this.#uploads.nextDue);
    if (due === Infinity) return;
    const at = Math.max(due, Date.now() + SOONEST_MS);
    if (this.#alarm !== 0 && this.#alarm <= at && this.#alarm > Date.now()) return;
    this.#alarm = at;
    this.ctx.storage.setAlarm(at);
  }
}
