// What a deployment holds after some weeks: plans, keys, transcripts, jobs, traffic. What takes weeks to come about is
// written into the database behind the Worker's back; everything else is asked of the API.
import { readFileSync } from "node:fs";
import { SAMPLE } from "./browser.ts";
import { ask, keep, uploaded } from "./calls.ts";
import { admin } from "./console.ts";
import type { Edge } from "./processes.ts";

export interface MadeKey {
  readonly id: string;
  readonly key: string;
}

export interface Content {
  /** Its owner has transcripts and jobs. */
  readonly main: MadeKey;
  /** Of a talk, to be opened. */
  readonly talk: string;
}

const HOUR = 3600;
const DAYS = 31;

/** Plans that people can read the difference of. */
const PLANS = {
  starter: {
    limits: [
      { name: "minute", kind: "rate", unit: "requests", limit: 20, window_seconds: 60 },
      { name: "audio", kind: "quota", unit: "audio_seconds", limit: 3600, period: "day" },
      { name: "parallel", kind: "concurrency", limit: 2 },
    ],
    retention_days: 30,
    self_service: true,
  },
  studio: {
    limits: [
      { name: "minute", kind: "rate", unit: "requests", limit: 120, window_seconds: 60 },
      { name: "audio", kind: "quota", unit: "audio_seconds", limit: 720_000, period: "month" },
      { name: "parallel", kind: "concurrency", limit: 8 },
    ],
    retention_days: 365,
    self_service: true,
  },
  trial: {
    limits: [{ name: "day", kind: "quota", unit: "requests", limit: 25, period: "day" }],
    credits: { balance: 100 },
    retention_days: 7,
    self_service: true,
  },
  internal: {
    limits: [{ name: "second", kind: "rate", unit: "requests", limit: 50, window_seconds: 1 }],
    permits_ahead: 16,
  },
} as const;

/** Keys, with how many requests they have in an hour of a working day. */
const KEYS = [
  { name: "newsroom", owner: "harbour-radio", plan: "studio", requests: 64 },
  { name: "archive import", owner: "harbour-radio", plan: "studio", requests: 22 },
  { name: "meeting notes", owner: "acme", plan: "starter", requests: 31 },
  { name: "support calls", owner: "acme", plan: "studio", requests: 47 },
  { name: "lecture captions", owner: "north-college", plan: "studio", requests: 18 },
  { name: "ci", owner: "platform", plan: "internal", requests: 9 },
  { name: "phone prototype", owner: "acme", plan: "trial", requests: 3 },
] as const;

const NAMES = ["Interview, second part.flac", "Product call, Tuesday.flac", "Voice memo 14.flac", "Lecture 7, questions.flac", "Morning walk.flac"] as const;

const make = (edge: Edge, details: Readonly<Record<string, unknown>>): Promise<MadeKey> => admin<MadeKey>(edge, "POST", "/admin/keys", details);

/** Fills a deployment. */
export async function fill(edge: Edge): Promise<Content> {
  for (const [name, plan] of Object.entries(PLANS)) await admin(edge, "PUT", `/admin/plans/${name}`, plan);
  const made = new Map<string, MadeKey>();
  for (const { requests, ...details } of KEYS) {
    const key = await make(edge, details);
    made.set(details.name, key);
    await traffic(edge, key.id, details, requests);
  }
  const { id: off } = await make(edge, { name: "old laptop", owner: "acme", plan: "starter" });
  await admin(edge, "PATCH", `/admin/keys/${off}`, { enabled: false });
  const { id: lost } = await make(edge, { name: "left on a train", owner: "harbour-radio", plan: "starter" });
  await admin(edge, "DELETE", `/admin/keys/${lost}`);
  await admin(edge, "PUT", "/admin/owners/acme/limits", {
    limits: [
      { name: "all-minute", kind: "rate", unit: "requests", limit: 300, window_seconds: 60 },
      { name: "all-audio", kind: "quota", unit: "audio_seconds", limit: 1_080_000, period: "month" },
    ],
  });
  for (const [name, scopes] of [["billing export", ["admin:usage"]], ["on call", ["admin:hosts", "admin:jobs"]], ["account service", ["admin:keys", "admin:portal"]]] as const) {
    await admin(edge, "POST", "/admin/root-keys", { name, scopes });
  }
  await deadJobs(edge, made.get("archive import")?.id ?? "");

  const main = made.get("meeting notes");
  if (!main) throw new Error("no key");
  let talk = "";
  for (const [at, name] of NAMES.entries()) talk = await keep(edge, main.key, { name, prompt: `Take ${String(at + 1)}.` });
  return { main, talk };
}

/** The hours of a month of a key: more by day than by night and on a weekend, a few refused and a few failed. */
export async function traffic(edge: Edge, key: string, { owner, plan }: { readonly owner: string; readonly plan: string }, requests: number): Promise<void> {
  const now = Math.floor(Date.now() / 1000 / HOUR);
  const rows = Array.from({ length: DAYS * 24 }, (_, ago) => {
    const hour = now - ago;
    const day = Math.floor(hour / 24);
    // The same at every run, and no two hours alike.
    const chance = ((hour * 7919 + key.length * 104_729 + requests * 31) % 101) / 101;
    const isFree = (day + 4) % 7 === 0 || (day + 4) % 7 === 6;
    const mood = 0.75 + (((day * 5471 + requests) % 17) / 17) * 0.5;
    const share = Math.max(0.08, Math.sin(((hour % 24) - 5) * (Math.PI / 15))) * (isFree ? 0.35 : mood);
    const all = Math.round(requests * share * (0.75 + chance / 2));
    const refused = Math.round(all * (chance > 0.8 ? 0.09 : 0.012));
    const outcomes = { served: all - refused, rate_limited: refused, client_error: chance > 0.6 ? Math.ceil(all * 0.02) : 0, upstream_failed: chance > 0.97 ? 1 : 0 };
    // Buckets of half a doubling: most within half a second, a few within some seconds.
    const from = chance > 0.7 ? 16 : 15;
    const latency = [...Array.from({ length: from }, () => 0), ...[0.14, 0.27, 0.25, 0.16, 0.09, 0.05, 0.02, 0.015, 0.005].map((part) => Math.round(outcomes.served * part))];
    // What this hour really brings is not to take its place: of two of an hour the newer one stays.
    return { hour, version: ago === 0 ? 1e15 : 1, audio: outcomes.served * 41_000, bytes: outcomes.served * 610_000, outcomes, latency };
  });
  await edge.sql(
    `INSERT INTO usage (key_id, hour, owner, plan, version, audio_ms, bytes, outcomes, latency)
     SELECT ?1, value->>'hour', ?2, ?3, value->>'version', value->>'audio', value->>'bytes', value->>'outcomes', value->>'latency' FROM json_each(?4)`,
    [key, owner, plan, JSON.stringify(rows)],
  );
}

/** Jobs that were given up over the last days. */
async function deadJobs(edge: Edge, key: string): Promise<void> {
  const jobs = [
    { name: "Council meeting 2019-04.mp3", hours: 3, code: "upstream_unavailable", message: "No inference host can take the job now." },
    { name: "Town hall, reel 12.flac", hours: 29, code: "upstream_timeout", message: "The host did not answer in time." },
  ];
  for (const [at, { name, hours, code, message }] of jobs.entries()) {
    const ended = Date.now() - hours * HOUR * 1000;
    await edge.sql(
      "INSERT INTO dead_jobs (id, account, owner, key_id, name, attempts, error, created_at, ended_at) VALUES (?1, ?2, ?3, ?4, ?5, 5, ?6, ?7, ?8)",
      [`job_${String(at).padStart(20, "0")}`, "owner:harbour-radio", "harbour-radio", key, name, JSON.stringify({ message, type: "server_error", param: null, code }), String(ended - 7_200_000), String(ended)],
    );
  }
}

/** Uploads audio and makes a job of it; its id. */
export async function startJob(edge: Edge, key: string, name: string, audio: Buffer = readFileSync(SAMPLE)): Promise<string> {
  const upload = await uploaded(edge, key, name, new Blob([Uint8Array.from(audio)]));
  return ((await (await ask(edge, key, "POST", "/v1/jobs", { upload_id: upload, name })).json()) as { id: string }).id;
}

/** Listens to a job until it is told that it has come to one of these. */
export async function until(edge: Edge, key: string, job: string, events: readonly string[]): Promise<void> {
  const answer = await ask(edge, key, "GET", `/v1/jobs/${job}/events`);
  let told = "";
  for await (const piece of answer.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    told += piece;
    if (events.some((event) => told.includes(event))) return;
  }
  throw new Error(`the job ended otherwise: ${told}`);
}
