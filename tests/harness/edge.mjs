// Runs the built Worker in real workerd for one test: port 0, state in the test's own folder.
//
// argv[2]: JSON {bundle, state, bindings}. Prints {"url": …} once it answers. Then one JSON request a
// line on stdin, one JSON answer a line on stdout, for what a test must do behind the Worker's back:
//   {"op":"kv_get","key":…} {"op":"kv_put","key":…,"value":…} {"op":"kv_list"}
// It ends, and workerd with it, when stdin closes: so no fixture can leave it behind.
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { convertV4MiniflareOptions, Miniflare } from "miniflare";

const { bundle, state, bindings } = JSON.parse(process.argv[2]);
const mf = new Miniflare(
  convertV4MiniflareOptions({
    host: "127.0.0.1",
    port: 0,
    cf: false,
    modules: [
      { type: "ESModule", path: `${bundle}/worker.js`, contents: readFileSync(`${bundle}/worker.js`, "utf8") },
      { type: "CompiledWasm", path: `${bundle}/index_bg.wasm`, contents: readFileSync(`${bundle}/index_bg.wasm`) },
    ],
    modulesRoot: bundle,
    compatibilityDate: "2026-11-01",
    compatibilityFlags: ["enable_request_signal"],
    bindings,
    kvNamespaces: { KEYS: "keys" },
    durableObjects: { LIMITER: { className: "Limiter", useSQLite: true } },
    kvPersist: `${state}/kv`,
    durableObjectsPersist: `${state}/do`,
  }),
);

const url = await mf.ready;
const answer = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);
answer({ url: url.origin });

for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line);
  const kv = await mf.getKVNamespace("KEYS");
  if (request.op === "kv_get") answer({ value: await kv.get(request.key) });
  else if (request.op === "kv_put") answer({ value: await kv.put(request.key, request.value) });
  else if (request.op === "kv_list") answer({ value: (await kv.list()).keys.map((key) => key.name) });
  else answer({ error: `no such operation: ${request.op}` });
}
await mf.dispose();
