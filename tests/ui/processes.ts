// The programs under test, each ended with the test that started it, even when that one is killed.
import { type ChildProcess, spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, watch } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";

export const ROOT = resolve(import.meta.dirname, "../..");

/** A setting of scripts/test-ui. */
export function setting(name: string): string {
  const value = process.env[name];
  if (value === undefined || value === "") throw new Error(`${name} is not set: run scripts/test-ui or scripts/bench-pages, which set it`);
  return value;
}

/** An empty folder that vanishes with the test's process. */
export function folder(): string {
  const made = mkdtempSync(join(tmpdir(), "whisper-edge-ui-"));
  process.on("exit", () => { rmSync(made, { recursive: true, force: true }); });
  return made;
}

export interface Service {
  readonly url: string;
  readonly secret: string;
  readonly stop: () => Promise<void>;
}

/** The real service with a real model. */
export async function startService(): Promise<Service> {
  const state = folder();
  const secret = `signing_${randomBytes(24).toString("hex")}`;
  const address = join(state, "address");
  const written = new Promise<void>((done) => {
    const watcher = watch(state, (_, name) => {
      // It is renamed to its place when it is whole.
      if (name === "address" && contents(address) !== "") {
        watcher.close();
        done();
      }
    });
  });
  const child = spawn("sh", [join(ROOT, "tests/harness/leash.sh"), setting("E2E_INFERENCE_BIN"), "serve"], {
    env: {
      ...process.env,
      INFERENCE_LISTEN: "127.0.0.1:0",
      INFERENCE_ADDRESS_FILE: address,
      INFERENCE_SPOOL_DIR: state,
      INFERENCE_MAX_QUEUE_WAIT: "60",
      // Nobody else is there to send to: it ends as soon as it can.
      INFERENCE_DRAIN_DELAY: "0",
      EDGE_SIGNING_SECRETS: secret,
      NO_PROXY: "127.0.0.1",
    },
    // The leash kills it when this end of its stdin is gone.
    stdio: ["pipe", "ignore", "ignore"],
  });
  await Promise.race([written, ended("the inference service", child)]);
  const stop = async (): Promise<void> => {
    const gone = once(child, "exit");
    child.kill();
    await gone;
  };
  return { url: `http://${contents(address)}`, secret, stop };
}

export interface Edge {
  readonly url: string;
  readonly rootKey: string;
  /** Asks the database behind the Worker's back. */
  readonly sql: (query: string, values: readonly string[]) => Promise<unknown>;
  readonly stop: () => Promise<void>;
}

/** The built Worker in real workerd, behind the pages as a deployment has them. Without a service nobody hears. */
export async function startEdge(service: Service | null, settings: Readonly<Record<string, string>> = {}): Promise<Edge> {
  const state = folder();
  const rootKey = `root_${randomBytes(24).toString("hex")}`;
  const harness = {
    bundle: setting("E2E_EDGE_BUNDLE"),
    assets: join(ROOT, "edge/ui/dist"),
    state: join(state, "state"),
    // `PUT /__bindings` takes some of them away, `PUT /__kv` fills one (tests/harness/watched.mjs).
    watched: true,
    bindings: {
      EDGE_SIGNING_SECRETS: service?.secret ?? randomBytes(32).toString("hex"),
      ROOT_KEY_SHA256: createHash("sha256").update(rootKey).digest("hex"),
      // Port 1 refuses.
      INFERENCE_URLS: service?.url ?? "http://127.0.0.1:1",
      ...settings,
    },
  };
  const child = spawn(process.execPath, [join(ROOT, "tests/harness/edge.mjs"), JSON.stringify(harness)], {
    env: { ...process.env, TMPDIR: state, XDG_CONFIG_HOME: state, CLOUDFLARE_DEV_REGISTRY_PATH: join(state, "registry") },
    stdio: ["pipe", "pipe", "ignore"],
  });
  const lines = createInterface({ input: child.stdout });
  const answer = async (): Promise<unknown> => JSON.parse(((await once(lines, "line")) as [string])[0]);
  const ready = await Promise.race([answer(), ended("workerd", child)]);
  const [url] = (ready as { urls: string[] }).urls;
  if (url === undefined) throw new Error("workerd has no address");
  const sql = async (query: string, values: readonly string[]): Promise<unknown> => {
    child.stdin.write(`${JSON.stringify({ op: "sql", query, values })}\n`);
    const { value } = (await answer()) as { value: unknown };
    if (typeof value === "string") throw new Error(value);
    return value;
  };
  const stop = async (): Promise<void> => {
    const gone = once(child, "exit");
    child.stdin.end();
    await gone;
  };
  return { url, rootKey, sql, stop };
}

/** Makes a key; what is not said is left to the deployment. */
export async function makeKey({ url, rootKey }: Edge, details: Readonly<Record<string, unknown>> = {}): Promise<string> {
  const answer = await fetch(`${url}/admin/keys`, {
    method: "POST",
    headers: { authorization: `Bearer ${rootKey}`, "content-type": "application/json" },
    body: JSON.stringify({ name: "ui", owner: "ui", limits: [{ name: "many", kind: "rate", unit: "requests", limit: 10_000, window_seconds: 60 }], ...details }),
  });
  if (!answer.ok) throw new Error(`no key: ${await answer.text()}`);
  return ((await answer.json()) as { key: string }).key;
}

async function ended(name: string, child: ChildProcess): Promise<never> {
  const [code] = (await once(child, "exit")) as [number | null];
  throw new Error(`${name} ended before it was ready (${String(code)})`);
}

function contents(path: string): string {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return "";
  }
}
