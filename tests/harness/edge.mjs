// Runs the built Worker in real workerd for one test: its own sockets on port 0, state in the test's
// own folder. Requests go straight to workerd; nothing of Miniflare stands before the Worker.
//
// argv[2]: JSON {bundle, state, bindings, isolates, watched, assets}. With `assets`, the folder of the built pages, they are
// served as a deployment serves them (wrangler.toml): its router stands before the Worker then. Several isolates are several locations: each has
// its own memory, all share KV and the limiter objects. Prints {"urls": […]} once they answer. Then one
// JSON request a line on stdin, one JSON answer a line on stdout, for what a test must do behind the
// Worker's back:
//   {"op":"kv_get","key":…} {"op":"kv_put","key":…,"value":…} {"op":"kv_list"}
//   {"op":"sql","query":…,"values":[…]}    what the database refuses is answered as its words
//   {"op":"scheduled"}                      the clock strikes: every cron of the deployment, in its order
//   {"op":"bucket"}                         names of all that stands in the bucket
//   {"op":"bucket_put","name":…,"text":…}
// What workerd logs goes to stderr, all of it. It ends, and workerd with it, when stdin closes: so no
// fixture can leave it behind.
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { convertV4MiniflareOptions, Miniflare } from "miniflare";
import { migrate } from "./migrate.mjs";

const { bundle, state, bindings, isolates = 1, watched = false, assets } = JSON.parse(process.argv[2]);
const wrangler = readFileSync(resolve(import.meta.dirname, "../../wrangler.toml"), "utf8");
const setting = (name) => JSON.parse(wrangler.match(new RegExp(`^${name} = (.+)$`, "m"))[1]);
const list = (name) => JSON.parse(wrangler.match(new RegExp(`^${name} = (\\[[^\\]]*\\])`, "m"))[1].replace(/,(\s*\])/, "$1"));
const file = (name) => ({ path: join(bundle, name), contents: readFileSync(join(bundle, name)) });

const watching = { path: join(bundle, "watched.js"), contents: readFileSync(join(import.meta.dirname, "watched.mjs")) };

const worker = (index) => ({
  name: `edge-${index}`,
  modules: [
    // The first is the one that workerd calls.
    ...(watched ? [{ type: "ESModule", ...watching }] : []),
    { type: "ESModule", ...file("worker.js") },
    { type: "CompiledWasm", ...file("index_bg.wasm") },
  ],
  modulesRoot: bundle,
  compatibilityDate: setting("compatibility_date"),
  compatibilityFlags: setting("compatibility_flags"),
  bindings,
  kvNamespaces: { KEYS: "keys" },
  d1Databases: { DB: "db" },
  r2Buckets: { BUCKET: "bucket" },
  durableObjects: Object.fromEntries(
    [["LIMITER", "Limiter"], ["DIRECTORY", "Directory"], ["FLEET", "Fleet"], ["JOBS", "Jobs"], ["PORTAL", "Portal"], ["WEBHOOKS", "Webhooks"]].map(([name, className]) => [
      name,
      { className, useSQLite: true, ...(index > 0 && { scriptName: "edge-0" }) },
    ]),
  ),
  queueProducers: { JOB_QUEUE: { queueName: "jobs" } },
  // One isolate takes the messages, as any other might.
  ...(index === 0 && {
    queueConsumers: {
      jobs: { maxBatchSize: 10, maxBatchTimeout: 0, maxRetries: 20, deadLetterQueue: "jobs-dead" },
      "jobs-dead": { maxBatchTimeout: 1 },
    },
  }),
  ...(assets && {
    assets: {
      directory: assets,
      run_worker_first: list("run_worker_first"),
      routerConfig: { has_user_worker: true },
      assetConfig: { html_handling: setting("html_handling"), not_found_handling: setting("not_found_handling") },
    },
  }),
  unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }],
});

const workers = Array.from({ length: isolates }, (_, index) => worker(index));
const mf = new Miniflare(
  convertV4MiniflareOptions({
    host: "127.0.0.1",
    port: 0,
    cf: false,
    workers,
    resourcePersistencePath: state,
    handleStructuredLogs: ({ level, message }) => process.stderr.write(`${level}: ${message}\n`),
  }),
);

const answer = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);
await mf.ready;
// Before any request: Miniflare asks workerd for it while this thread stands still, and a workerd that
// waits for this thread to read its log would never answer.
const kv = await mf.getKVNamespace("KEYS");
const db = await mf.getD1Database("DB");
const bucket = await mf.getR2Bucket("BUCKET");
const clock = await mf.getWorker("edge-0");
if ((await db.prepare("SELECT 1 FROM sqlite_master WHERE name='audit'").all()).results.length === 0) {
  await migrate(db, resolve(import.meta.dirname, "../../edge/migrations"));
}
const urls = await Promise.all(workers.map(({ name }) => mf.unsafeGetDirectURL(name)));
answer({ urls: urls.map((url) => url.origin) });

for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line);
  if (request.op === "kv_get") answer({ value: await kv.get(request.key) });
  else if (request.op === "kv_put") answer({ value: (await kv.put(request.key, request.value)) ?? null });
  else if (request.op === "kv_list") answer({ value: (await kv.list()).keys.map((key) => key.name) });
  else if (request.op === "sql") {
    const asked = db.prepare(request.query).bind(...(request.values ?? [])).all();
    answer({ value: await asked.then(({ results }) => results, String) });
  }
  else if (request.op === "scheduled") {
    let value = "ok";
    for (const cron of setting("crons")) {
      const { outcome } = await clock.scheduled({ cron });
      if (outcome !== "ok") value = outcome;
    }
    answer({ value });
  }
  else if (request.op === "bucket") answer({ value: (await bucket.list()).objects.map(({ key }) => key) });
  else if (request.op === "bucket_put") answer({ value: (await bucket.put(request.name, request.text)).key });
  else throw new Error(`no such operation: ${request.op}`);
}
await mf.dispose();
