// Starts the inference service and `wrangler dev`, transcribes the sample through them, and stays until
// Ctrl-C (ONCE=1: ends after the transcript). Results go to stdout, logs to stderr. Run by scripts/run.
//
//   EDGE_PORT, INFERENCE_PORT   where to listen (8787, 9000; 0: any free port)
//   WHISPER_MODEL               another model than tiny.en; its file must be in WHISPER_MODELS_DIR
//   WHISPER_EDGE_STATE          folder of the local state (.dev)
//   PORTAL_AUTH                 how people sign in to get keys by themselves (open: a name is enough)
import { spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { mkdirSync, openAsBlob, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { basename, join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";

const ROOT = resolve(import.meta.dirname, "..");
const STATE = resolve(ROOT, process.env.WHISPER_EDGE_STATE || ".dev");
const ONCE = !["", "0", undefined].includes(process.env.ONCE);
const HOST = "127.0.0.1";
const PLAN = "starter";
const READY_WITHIN_MS = 60_000;
const ASK_EVERY_MS = 100;
// Longer than the service's own drain, so that it ends by itself when it can.
const STOP_WITHIN_MS = 35_000;

/** A failure whose text is all the user needs. */
class Failure extends Error {}

/** The processes started here, each the leader of its own group. */
const started = [];
let stopping = null;

/** A port from the environment, checked to be free; 0 asks the system for one. */
async function freePort(variable, standard) {
  const text = process.env[variable] || standard;
  const port = Number(text);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new Failure(`${variable} must be a port number, not '${text}'`);
  }
  const server = createServer();
  try {
    return await new Promise((found, failed) => {
      server.once("error", failed);
      server.listen({ port, host: HOST, exclusive: true }, () => found(server.address().port));
    });
  } catch (error) {
    const why = error.code === "EADDRINUSE" ? "is in use by another program" : `cannot be used (${error.code})`;
    throw new Failure(`port ${port} ${why}: stop that program or choose another port, as in \`make run ${variable}=${port + 1}\``);
  } finally {
    await new Promise((closed) => server.close(closed));
  }
}

/** `NAME=value` lines of a file of the state folder; nothing if there is no such file. */
function readSettings(name) {
  try {
    const lines = readFileSync(join(STATE, name), "utf8").split("\n");
    return Object.fromEntries(lines.filter((l) => l.includes("=")).map((l) => [l.slice(0, l.indexOf("=")), l.slice(l.indexOf("=") + 1)]));
  } catch (error) {
    if (error.code === "ENOENT") return {};
    throw error;
  }
}

/** Writes such a file for its owner alone: they hold secrets. */
function writeSettings(name, settings) {
  const text = Object.entries(settings).map(([key, value]) => `${key}=${value}\n`).join("");
  writeFileSync(join(STATE, name), text, { mode: 0o600 });
}

/** The secrets of this checkout's local set-up: made once, then kept. */
function localSecrets() {
  const kept = readSettings("secrets");
  const secrets = {
    ADMIN_TOKEN: kept.ADMIN_TOKEN || `root_${randomBytes(24).toString("hex")}`,
    EDGE_SIGNING_SECRETS: kept.EDGE_SIGNING_SECRETS || randomBytes(32).toString("hex"),
  };
  writeSettings("secrets", secrets);
  return secrets;
}

/** Starts a program as the leader of a group of its own; its output is logged line by line under `name`. */
function start(name, program, args, environment) {
  const child = spawn(program, args, { cwd: ROOT, env: { ...process.env, ...environment }, detached: true, stdio: ["ignore", "pipe", "pipe"] });
  const exited = new Promise((done) => {
    child.once("error", (error) => done(`cannot be started: ${error.message}`));
    child.once("exit", (code, signal) => done(signal ? `was ended by ${signal}` : `ended with status ${code}`));
  });
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on("line", (line) => log(name, line));
  }
  const process_ = { name, child, exited };
  started.push(process_);
  return process_;
}

function log(name, line) {
  if (line.trim() === "") return;
  const label = name.padEnd(9);
  const text = readable(line);
  process.stderr.write(process.stderr.isTTY ? `\x1b[2m${label} |\x1b[0m ${text}\n` : `${label} | ${text}\n`);
}

/** A structured log line for people: `INFO request status=200 …`; any other line as it is. */
function readable(line) {
  let record;
  try {
    record = JSON.parse(line);
  } catch {
    return line;
  }
  if (typeof record?.level !== "string") return line;
  const { level, msg, message = msg, timestamp, target, ...fields } = record;
  const shown = Object.entries(fields).map(([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`);
  return [level.toUpperCase(), message, ...shown].join(" ");
}

/** Asks `url` until it answers 200; fails when the process ends first, or time is up. */
async function untilReady({ name, exited }, url) {
  const deadline = AbortSignal.timeout(READY_WITHIN_MS);
  const ended = exited.then((how) => { throw new Failure(`${name} ${how} before it was ready; its log is above`); });
  const answered = (async () => {
    while (!deadline.aborted) {
      const answer = await fetch(url, { signal: deadline }).catch(() => null);
      await answer?.body?.cancel();
      if (answer?.ok) return;
      await pause(ASK_EVERY_MS);
    }
    throw new Failure(`${name} was not ready within ${READY_WITHIN_MS / 1000} s (asked ${url}); its log is above`);
  })();
  await Promise.race([answered, ended]);
}

/** Ends what was started: asks each program, and kills what is left of its group when it is gone or time is up. */
function stop() {
  stopping ??= Promise.all(started.map(async ({ child, exited }) => {
    if (child.pid === undefined) return;
    child.kill("SIGTERM");
    await Promise.race([exited, pause(STOP_WITHIN_MS, undefined, { ref: false })]);
    try {
      process.kill(-child.pid, "SIGKILL");
    } catch (error) {
      if (error.code !== "ESRCH") throw error; // nobody is left: as it should be
    }
  }));
  return stopping;
}

/** Sends `request` and gives the answer's JSON; a failure tells what the server said. */
async function call(what, url, request) {
  const answer = await fetch(url, request).catch((error) => {
    throw new Failure(`${what}: ${error.cause?.message ?? error.message}`);
  });
  const text = await answer.text();
  if (!answer.ok) throw Object.assign(new Failure(`${what}: status ${answer.status}: ${text}`), { status: answer.status });
  return JSON.parse(text);
}

/** A plan that people take keys on by themselves, on the page for that; one that was changed meanwhile stays as it is. */
async function offerPlan(edge, adminToken) {
  const authorization = `Bearer ${adminToken}`;
  const known = await fetch(`${edge}/admin/plans/${PLAN}`, { headers: { authorization } });
  if (known.status !== 404) return;
  const limits = [
    { name: "minute", kind: "rate", unit: "requests", limit: 30, window_seconds: 60 },
    { name: "day", kind: "quota", unit: "audio_seconds", limit: 3600, period: "day" },
    { name: "at-once", kind: "concurrency", limit: 2 },
  ];
  const scopes = ["transcribe", "translate", "jobs", "transcripts:read", "transcripts:write"];
  await call("making the plan for the page of keys", `${edge}/admin/plans/${PLAN}`, {
    method: "PUT",
    headers: { authorization, "content-type": "application/json" },
    body: JSON.stringify({ self_service: true, limits, scopes }),
  });
}

async function createKey(edge, adminToken) {
  const answer = await call("creating the demo key", `${edge}/admin/keys`, {
    method: "POST",
    headers: { authorization: `Bearer ${adminToken}`, "content-type": "application/json" },
    body: JSON.stringify({ name: "demo" }),
  });
  return answer.key;
}

async function transcribe(edge, key, file) {
  const form = new FormData();
  form.set("file", await openAsBlob(file), basename(file));
  form.set("model", "whisper-1");
  const answer = await call("transcribing the sample", `${edge}/v1/audio/transcriptions`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}` },
    body: form,
  });
  return answer.text;
}

/** The sample's transcript, by the key of the last run if that is still good, else by a new one. */
async function firstTranscript(edge, adminToken, sample) {
  const kept = readSettings("env").API_KEY;
  if (kept) {
    try {
      return { key: kept, text: await transcribe(edge, kept, sample) };
    } catch (error) {
      if (error.status !== 401) throw error;
    }
  }
  const key = await createKey(edge, adminToken);
  return { key, text: await transcribe(edge, key, sample) };
}

function sampleFile() {
  const folder = join(ROOT, "assets");
  const name = readdirSync(folder).find((n) => /^sample\.(flac|wav|mp3|ogg|opus|m4a|webm)$/.test(n));
  if (!name) throw new Failure("there is no sample speech in assets/");
  return join(folder, name);
}

/** Everything wrangler keeps stays in the state folder, and it asks nobody outside. */
const WRANGLER = {
  XDG_CONFIG_HOME: join(STATE, "wrangler-config"),
  WRANGLER_WRITE_LOGS: "false",
  WRANGLER_REGISTRY_PATH: join(STATE, "wrangler-registry"),
  WRANGLER_CACHE_DIR: join(STATE, "wrangler-cache"),
  CLOUDFLARE_CF_FETCH_ENABLED: "false",
  WRANGLER_SEND_METRICS: "false",
  WRANGLER_SEND_ERROR_REPORTS: "false",
  WRANGLER_HIDE_BANNER: "true",
};

/** Brings the local database's tables up to date; nothing to do when they are. */
async function migrate() {
  const migrations = readdirSync(join(ROOT, "edge", "migrations")).sort().join(" ");
  if (readSettings("database").MIGRATIONS === migrations) return;
  const wrangler = start("database", "wrangler", [
    "d1", "migrations", "apply", "DB", "--local", "--persist-to", join(STATE, "state"),
  ], { ...WRANGLER, CI: "1" });
  const how = await wrangler.exited;
  // It has ended as it should; the others are watched.
  started.splice(started.indexOf(wrangler), 1);
  if (how !== "ended with status 0") throw new Failure(`the local database's tables could not be made: wrangler ${how}; its log is above`);
  writeSettings("database", { MIGRATIONS: migrations });
}

async function main() {
  const inferencePort = await freePort("INFERENCE_PORT", "9000");
  const edgePort = await freePort("EDGE_PORT", "8787");
  if (edgePort === inferencePort) throw new Failure("EDGE_PORT and INFERENCE_PORT must differ");
  const edge = `http://${HOST}:${edgePort}`;
  const inference = `http://${HOST}:${inferencePort}`;

  mkdirSync(STATE, { recursive: true, mode: 0o700 });
  const secrets = localSecrets();
  writeSettings("worker-secrets", {
    EDGE_SIGNING_SECRETS: secrets.EDGE_SIGNING_SECRETS,
    ROOT_KEY_SHA256: createHash("sha256").update(secrets.ADMIN_TOKEN).digest("hex"),
    INFERENCE_URLS: inference,
    // Whoever comes here is at this machine: his name is enough.
    PORTAL_AUTH: process.env.PORTAL_AUTH || "open",
    ...(process.env.WHISPER_MODEL && { MODELS: process.env.WHISPER_MODEL }),
  });

  await migrate();
  const service = start("inference", process.env.INFERENCE_BIN, ["serve"], {
    INFERENCE_LISTEN: `${HOST}:${inferencePort}`,
    EDGE_SIGNING_SECRETS: secrets.EDGE_SIGNING_SECRETS,
    // Nobody else is there to send to: it ends as soon as it can.
    INFERENCE_DRAIN_DELAY: process.env.INFERENCE_DRAIN_DELAY || "0",
    INFERENCE_LOG: process.env.INFERENCE_LOG || "info,whisper_rs=warn",
  });
  const worker = start("edge", "wrangler", [
    "dev", "--local", "--ip", HOST, "--port", String(edgePort), "--inspector-port", "0",
    "--persist-to", join(STATE, "state"), "--env-file", join(STATE, "worker-secrets"),
    "--show-interactive-dev-session=false",
  ], WRANGLER);
  await Promise.all([untilReady(service, `${inference}/readyz`), untilReady(worker, `${edge}/healthz`)]);

  await offerPlan(edge, secrets.ADMIN_TOKEN);
  const sample = sampleFile();
  const { key, text } = await firstTranscript(edge, secrets.ADMIN_TOKEN, sample);
  writeSettings("env", { EDGE_URL: edge, API_KEY: key, ADMIN_TOKEN: secrets.ADMIN_TOKEN });

  const shown = sample.slice(ROOT.length + 1);
  console.log(`\nTranscript of ${shown}:\n  ${text.trim()}\n`);
  console.log(`Address:  ${edge}\nKey:      ${key}\n`);
  console.log(`In a browser: ${edge}/ (try it), ${edge}/keys (get a key), ${edge}/admin (administer; ADMIN_TOKEN of .dev/env)\n`);
  console.log(`curl ${edge}/v1/audio/transcriptions -H 'Authorization: Bearer ${key}' -F model=whisper-1 -F file=@${shown}\n`);
  if (ONCE) return;

  console.log("Ctrl-C stops both. (Address, key and admin token are in .dev/env too.)");
  throw new Failure(await Promise.race(started.map(({ name, exited }) => exited.then((how) => `${name} ${how}; its log is above`))));
}

let interrupted = false;
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.on(signal, async () => {
    interrupted = true;
    process.exitCode = ONCE ? 130 : 0;
    await stop();
    process.exit();
  });
}

try {
  await main();
} catch (error) {
  if (!interrupted) {
    process.exitCode = 1;
    process.stderr.write(`error: ${error instanceof Failure ? error.message : error.stack}\n`);
  }
} finally {
  await stop();
}
process.exit();
