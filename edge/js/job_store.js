// The table of an account's jobs, and every change of a row. Each statement is one synchronous step that says in its
// WHERE what it expects, so what happened while somebody waited (a cancellation, another attempt) is never undone.
//
// A job's phase: `waiting` (for its turn; not before `due`), `sent` (a message about it is in the queue, or a consumer
// hands it to a host: `taken`), `running` (its host is asked again at `due`), `over`. What remains to be done
// for it stands in `owes`, a letter for each debt (job_debts.js).
import { Rows } from "./rows.js";

const TABLES = `
  CREATE TABLE IF NOT EXISTS job(
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    key_id TEXT NOT NULL,
    spec TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'queued',
    phase TEXT NOT NULL DEFAULT 'waiting',
    due INTEGER NOT NULL,
    created INTEGER NOT NULL,
    started INTEGER,
    ended INTEGER,
    attempt INTEGER NOT NULL DEFAULT 0,
    failures INTEGER NOT NULL DEFAULT 0,
    taken INTEGER NOT NULL DEFAULT 0,
    held INTEGER NOT NULL DEFAULT 0,
    host TEXT,
    since INTEGER,
    silent INTEGER,
    progress REAL NOT NULL DEFAULT 0,
    heard_ms INTEGER NOT NULL DEFAULT 0,
    duration_ms INTEGER,
    transcript TEXT,
    cached INTEGER NOT NULL DEFAULT 0,
    status INTEGER,
    error TEXT,
    admitted INTEGER NOT NULL DEFAULT 0,
    dead INTEGER NOT NULL DEFAULT 0,
    round INTEGER NOT NULL DEFAULT 0,
    event TEXT,
    owes TEXT NOT NULL DEFAULT ''
  );
  CREATE INDEX IF NOT EXISTS job_by_phase ON job(phase, due);
  CREATE INDEX IF NOT EXISTS job_owing ON job(due) WHERE owes<>'';
  CREATE TABLE IF NOT EXISTS once(mark TEXT PRIMARY KEY, body TEXT NOT NULL, answer TEXT NOT NULL, at INTEGER NOT NULL) WITHOUT ROWID;`;

/** How long the answer of a request with an `Idempotency-Key` is given again, in milliseconds. */
const ONCE_MS = 86_400_000;
/** How long a job that is over is remembered, in milliseconds. */
const REMEMBERED_MS = 30 * 86_400_000;

export class JobStore {
  #rows;

  constructor(storage) {
    this.#rows = new Rows(storage, TABLES, "job");
  }

  /** Whether there is nothing, and never was. */
  get isEmpty() {
    return this.#rows.areMissing;
  }

  #one(query, ...values) {
    return this.#rows.read(query, ...values)[0];
  }

  /** A change of one job; the job as it is then, undefined where it was not as expected. */
  #update(id, change, where, ...values) {
    return this.#one(`UPDATE job SET ${change} WHERE ${where} AND id=? RETURNING *`, ...values, id);
  }

  add(spec, now) {
    this.#rows.add(
      "INSERT INTO job(id,key_id,spec,due,created) VALUES(?,?,?,?,?)",
      spec.id, spec.key.id, JSON.stringify(spec), now, now,
    );
  }

  get(id) {
    return this.#one("SELECT * FROM job WHERE id=?", id);
  }

  /** A page, newest first: jobs of this state ("" for all) before this number. */
  page(state, before, limit) {
    return this.#rows.read("SELECT * FROM job WHERE n<? AND (?='' OR state=?) ORDER BY n DESC LIMIT ?", before, state, state, limit);
  }

  get unfinished() {
    return this.#one("SELECT count(*) AS n FROM job WHERE phase<>'over'")?.n ?? 0;
  }

  /** How many are with a host, or on their way to one. */
  get busy() {
    return this.#one("SELECT count(*) AS n FROM job WHERE phase IN ('sent','running')")?.n ?? 0;
  }

  /** Whose turn it is. */
  next(now) {
    return this.#one("SELECT * FROM job WHERE phase='waiting' AND due<=? ORDER BY n LIMIT 1", now);
  }

  /** Whether a job needs this upload: one that is not over, or whose audio is still to be kept. */
  needs(upload) {
    return this.#one("SELECT 1 FROM job WHERE (phase<>'over' OR owes LIKE '%k%') AND json_extract(spec,'$.input.upload')=?", upload) !== undefined;
  }

  sentAndDue(now) {
    return this.#rows.read("SELECT * FROM job WHERE phase='sent' AND due<=?", now);
  }

  runningAndDue(now) {
    return this.#rows.read("SELECT * FROM job WHERE phase='running' AND due<=?", now);
  }

  owing(now) {
    return this.#rows.read("SELECT * FROM job WHERE owes<>'' AND due<=?", now);
  }

  withHost() {
    return this.#rows.read("SELECT * FROM job WHERE phase='running'");
  }

  /** When something is to be done next, in unix milliseconds. `full`: nobody's turn comes. */
  nextDue(full) {
    const waiting = full ? "" : ",'waiting'";
    const due = this.#one(`SELECT min(due) AS due FROM job WHERE phase IN ('sent','running'${waiting})`)?.due;
    const owed = this.#one("SELECT min(due) AS due FROM job WHERE owes<>''")?.due;
    return Math.min(due ?? Infinity, owed ?? Infinity);
  }

  /** The limits of this key refuse for now: none of its jobs is asked about before. */
  hold(keyId, until) {
    this.#rows.change("UPDATE job SET due=max(due,?),held=1 WHERE phase='waiting' AND key_id=?", until, keyId);
  }

  /** A place of this key may be free. */
  release(keyId, now) {
    this.#rows.change("UPDATE job SET due=?,held=0 WHERE phase='waiting' AND held=1 AND key_id=?", now, keyId);
  }

  /** Its limits were charged. One that ended while they were asked owes the settlement. */
  admit(id) {
    this.#rows.change("UPDATE job SET admitted=1,owes=CASE phase WHEN 'over' THEN owes||'s' ELSE owes END WHERE id=?", id);
    return this.get(id);
  }

  postpone(id, due) {
    return this.#update(id, "due=?", "phase<>'over'", due);
  }

  /** A message about it goes to the queue. */
  send(id, due) {
    return this.#update(id, "phase='sent',taken=0,held=0,host=NULL,silent=NULL,due=?", "phase='waiting'", due);
  }

  /** The message got lost. */
  unsend(id, now) {
    return this.#update(id, "phase='waiting',due=?", "phase='sent' AND taken=0", now);
  }

  /** A consumer takes it: its attempt begins, and whatever an earlier one says is void. */
  take(id, due) {
    return this.#update(id, "taken=1,attempt=attempt+1,due=?", "phase='sent' AND taken=0", due);
  }

  /** The consumer is still at it. */
  handing(id, attempt, due) {
    return this.#update(id, "due=?", "phase='sent' AND taken=1 AND attempt=?", due, attempt);
  }

  /** A host has it. */
  run(id, attempt, host, now, due) {
    const change = "phase='running',state='running',host=?,since=?,started=coalesce(started,?),due=?";
    return this.#update(id, change, "phase='sent' AND attempt=?", host, now, now, due, attempt);
  }

  /** What its host tells. */
  tell(id, attempt, { progress, heardMs, durationMs }, due) {
    const change = "progress=max(progress,?),heard_ms=max(heard_ms,?),duration_ms=coalesce(?,duration_ms),silent=NULL,due=?";
    return this.#update(id, change, "phase='running' AND attempt=?", progress, heardMs, durationMs, due, attempt);
  }

  /** Its host does not answer. */
  silent(id, attempt, now, due) {
    return this.#update(id, "silent=coalesce(silent,?),due=?", "phase='running' AND attempt=?", now, due, attempt);
  }

  /** It is tried again; `failures`: how many attempts have failed. */
  again(id, attempt, failures, due) {
    const change = "phase='waiting',state='queued',progress=0,host=NULL,silent=NULL,failures=?,due=?";
    return this.#update(id, change, "phase IN ('sent','running') AND attempt=?", failures, due, attempt);
  }

  /** It is over. */
  end(id, state, { status, error = null, transcript = null, cached = 0, durationMs = null, dead = 0, failures = null, owes }, now) {
    const change =
      "phase='over',state=?,status=?,error=?,transcript=?,cached=?,duration_ms=coalesce(?,duration_ms),dead=?,failures=coalesce(?,failures)," +
      "progress=max(progress,?),ended=?,due=?,owes=owes||?";
    const progress = state === "succeeded" ? 1 : 0;
    const values = [state, status, error, transcript, cached, durationMs, dead, failures, progress, now, now, owes];
    return this.#update(id, change, "phase<>'over'", ...values);
  }

  /** Its debts are looked at again then. */
  postponeDebts(id, due) {
    this.#rows.change("UPDATE job SET due=? WHERE phase='over' AND id=?", due, id);
  }

  /** A debt is paid. */
  paid(id, letter) {
    this.#rows.change("UPDATE job SET owes=replace(owes,?,'') WHERE id=?", letter, id);
  }

  /** What was heard of a job that was ended. */
  heard(id, heardMs) {
    this.#rows.change("UPDATE job SET heard_ms=max(heard_ms,?) WHERE id=?", heardMs, id);
  }

  /** A dead job lives again: the row of the dead is to be removed. */
  revive(id, event, now) {
    const change =
      "phase='waiting',state='queued',dead=0,failures=0,admitted=0,held=0,status=NULL,error=NULL,ended=NULL,progress=0," +
      "heard_ms=0,round=round+1,event=?,due=?,owes='ra'";
    return this.#update(id, change, "phase='over' AND dead=1 AND owes=''", event, now);
  }

  /** Messages that were lost with what an earlier life of this object had in memory are sent again soon. */
  wakeUp(due) {
    this.#rows.change("UPDATE job SET due=min(due,?) WHERE phase='sent' AND taken=0", due);
  }

  /** The answer to the same request, if there was one: `{ body, answer }`. */
  answered(mark, now) {
    return this.#one("SELECT body,answer FROM once WHERE mark=? AND at>?", mark, now - ONCE_MS);
  }

  remember(mark, body, answer, now) {
    this.#rows.change("DELETE FROM once WHERE at<=?", now - ONCE_MS);
    this.#rows.add("INSERT OR REPLACE INTO once VALUES(?,?,?,?)", mark, body, answer, now);
  }

  /** Jobs that were over long ago. */
  forgotten(now) {
    return this.#rows.read("SELECT * FROM job WHERE phase='over' AND owes='' AND ended<? LIMIT 100", now - REMEMBERED_MS);
  }

  forget(id) {
    this.#rows.change("DELETE FROM job WHERE id=?", id);
  }

  get rows() {
    return this.#one("SELECT (SELECT count(*) FROM job)+(SELECT count(*) FROM once) AS n")?.n ?? 0;
  }
}
