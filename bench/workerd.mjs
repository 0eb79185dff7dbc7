// Serves one Worker by real workerd for the bench: port 0, sockets straight to the Worker, state in a folder of its own.
//
// argv[2]: JSON {script: {path, wasm?, limiter, directory, stores}, bindings, kv, offline}: `limiter` says whether the script has the
// class Limiter, `directory` whether it has the other classes, `stores` whether it is given a database, a bucket and jobs; `kv`
// holds entries of the namespace KEYS; `offline`: the first request that the Worker sends ends everything, with an error. Prints {"url": …} once it is ready.
// It ends, workerd and state with it, when stdin closes: so nothing is left behind, however the bench ends.
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { convertV4MiniflareOptions, Miniflare } from "miniflare";
import { migrate } from "../tests/harness/migrate.mjs";

// Ctrl-C reaches the whole group; the bench closes stdin.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => {});

const wrangler = readFileSync(resolve(import.meta.dirname, "../wrangler.toml"), "utf8");
const setting = (name) => JSON.parse(wrangler.match(new RegExp(`^${name} = (.+)$`, "m"))[1]);
const { script, bindings, kv, offline } = JSON.parse(process.argv[2]);
const modules = [{ type: "ESModule", path: script.path, contents: readFileSync(script.path, "utf8") }];
if (script.wasm) modules.push({ type: "CompiledWasm", path: script.wasm, contents: readFileSync(script.wasm) });

const refuse = ({ url }) => {
  process.stderr.write(`error: the Worker sent a request to ${url}\n`);
  process.exitCode = 1;
  process.stdin.destroy();
  return new Promise(() => {});
};

// In memory where there is such a folder: the disk is not what is measured.
const state = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "whisper-edge-bench-"));
const mf = new Miniflare(
  convertV4MiniflareOptions({
    host: "127.0.0.1",
    port: 0,
    cf: false,
    modules,
    modulesRoot: dirname(script.path),
    compatibilityDate: setting("compatibility_date"),
    compatibilityFlags: setting("compatibility_flags"),
    bindings,
    ...(offline && { outboundService: refuse }),
    kvNamespaces: { KEYS: "keys" },
    ...(script.limiter && {
      durableObjects: {
        LIMITER: { className: "Limiter", useSQLite: true },
        ...(script.directory && {
          DIRECTORY: { className: "Directory", useSQLite: true },
          PORTAL: { className: "Portal", useSQLite: true },
          WEBHOOKS: { className: "Webhooks", useSQLite: true },
        }),
        ...(script.stores && { JOBS: { className: "Jobs", useSQLite: true } }),
      },
    }),
    ...(script.stores && {
      queueProducers: { JOB_QUEUE: { queueName: "jobs" } },
      queueConsumers: { jobs: { maxBatchSize: 10, maxBatchTimeout: 0 } },
    }),
    ...(script.stores && { d1Databases: { DB: "db" }, r2Buckets: { BUCKET: "bucket" } }),
    resourcePersistencePath: state,
    unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }],
    // Each Worker writes its log lines; nobody prints them here.
    handleStructuredLogs: () => {},
  }),
);

try {
  await mf.ready;
  const keys = await mf.getKVNamespace("KEYS");
  for (const [name, value] of Object.entries(kv)) await keys.put(name, value);
  if (script.stores) await migrate(await mf.getD1Database("DB"), resolve(import.meta.dirname, "../edge/migrations"));
  const url = await mf.unsafeGetDirectURL();
  process.stdout.write(`${JSON.stringify({ url: url.origin })}\n`);
  for await (const _ of process.stdin);
} finally {
  await mf.dispose();
  rmSync(state, { recursive: true, force: true });
}
