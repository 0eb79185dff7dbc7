// An inference host that hears whatever a test wants: what is said in a file is what its bytes spell. To the edge it is a
// host like any other, signatures and kept transcripts included (inference/api).
import { createHash, createHmac, randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { Service } from "./processes.ts";

/** What a file spells: texts that are said in it, one a second; or how it is refused. */
export type Spelt = readonly string[] | { readonly status: number; readonly code: string; readonly message: string };

/** The bytes of such a file. */
export const spell = (what: Spelt): Buffer => Buffer.from(JSON.stringify(what));

interface Keep {
  readonly at: string;
  readonly id: string;
  readonly acc: string;
}

interface Claims {
  readonly kid: string;
  readonly kep?: Keep;
}

interface Segment {
  readonly id: number;
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

export async function startHost(): Promise<Service> {
  const secret = `signing_${randomBytes(24).toString("hex")}`;
  /** Transcripts of jobs, by the jobs' paths. */
  const jobs = new Map<string, string | undefined>();
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method, url: path = "", headers } = request;
    const id = headers["x-edge-request-id"];
    const answer = (status: number, type: string, body: string, more: Readonly<Record<string, string>> = {}): void => {
      response.writeHead(status, { ...(typeof id === "string" && { "x-request-id": id }), "content-type": type, ...more }).end(body);
    };
    if (path.startsWith("/v1/jobs/") && method === "GET") {
      const report = { state: "succeeded", progress: 1, audio_seconds: 1, duration: 1, transcript: jobs.get(path), cached: false, error: null };
      answer(200, "application/json", JSON.stringify(report));
      return;
    }
    const form = await formOf(request);
    const file = form.get("file");
    if (!(file instanceof File)) {
      answer(400, "application/json", envelope("missing_parameter", "No file."));
      return;
    }
    const spelt = JSON.parse(await file.text()) as Spelt;
    if (!isSaid(spelt)) {
      answer(spelt.status, "application/json", envelope(spelt.code, spelt.message));
      return;
    }
    const segments = spelt.map((text, at) => ({ id: at, start: at, end: at + 1, text: ` ${text}` }));
    const claims = JSON.parse(Buffer.from(String(headers["x-edge-claims"]), "base64url").toString()) as Claims;
    if (claims.kep) await bring(secret, claims, claims.kep, form, file, segments);
    if (path.startsWith("/v1/jobs/")) {
      jobs.set(path, claims.kep?.id);
      answer(202, "application/json", "{}");
      return;
    }
    const [type, body] = rendered(form, segments);
    answer(200, type, body, claims.kep ? { "x-transcript-id": claims.kep.id } : {});
  };
  const server = createServer((request, response) => {
    // A caller who leaves is no matter here; what is wrong with this program is seen as a host that breaks off.
    serve(request, response).catch(() => response.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const stop = async (): Promise<void> => {
    server.close();
    server.closeAllConnections();
    await once(server, "close");
  };
  return { url: `http://127.0.0.1:${String(address.port)}`, secret, stop };
}

const isSaid = (spelt: Spelt): spelt is readonly string[] => Array.isArray(spelt);

const envelope = (code: string, message: string): string => JSON.stringify({ error: { message, type: "invalid_request_error", param: null, code } });

async function formOf(request: IncomingMessage): Promise<FormData> {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece as Buffer);
  return new Response(Buffer.concat(pieces), { headers: { "content-type": request.headers["content-type"] ?? "" } }).formData();
}

/** Words as the service counts them: what stands between blanks. */
const wordsOf = (segments: readonly Segment[]) =>
  segments.flatMap(({ text, start, end }) => text.split(/\s+/).filter((word) => word !== "").map((word) => ({ word, start, end })));

/** An answer in the format that the form asks for. */
function rendered(form: FormData, segments: readonly Segment[]): readonly [type: string, body: string] {
  const text = segments.map((segment) => segment.text).join("").trim();
  const event = (type: string, more: object): string => `data: ${JSON.stringify({ type, ...more })}\n\n`;
  if (form.get("stream") === "true") {
    const heard = segments.map((segment) => event("transcript.text.delta", { delta: segment.text }) + event("transcript.text.segment", segment));
    return ["text/event-stream", heard.join("") + event("transcript.text.done", { text })];
  }
  switch (form.get("response_format")) {
    case "text":
      return ["text/plain; charset=utf-8", `${text}\n`];
    case "vtt":
      return ["text/vtt; charset=utf-8", `WEBVTT\n\n${segments.map((one) => `${cue(one)}\n${oneLine(one.text).replaceAll("&", "&amp;").replaceAll("<", "&lt;")}\n\n`).join("")}`];
    case "verbose_json":
      return ["application/json", JSON.stringify({ task: "transcribe", language: "english", duration: segments.length, text, segments, words: wordsOf(segments) })];
    default:
      return ["application/json", JSON.stringify({ text })];
  }
}

const oneLine = (text: string): string => text.split(/\s+/).join(" ").trim();

const cue = ({ start, end }: Segment): string => [start, end].map((at) => `00:${String(Math.floor(at / 60)).padStart(2, "0")}:${String(at % 60).padStart(2, "0")}.000`).join(" --> ");

/** Brings a transcript to the edge, as it is to be kept (inference/api/src/keeping.rs). */
async function bring(secret: string, { kid }: Claims, { at, id, acc }: Keep, form: FormData, file: File, segments: readonly Segment[]): Promise<void> {
  const path = "/fleet/transcripts/keep";
  const numbers = { seek: 0, tokens: [], temperature: 0, avg_logprob: 0, compression_ratio: 1, no_speech_prob: 0 };
  const body = JSON.stringify({
    task: "transcribe",
    language: "en",
    duration: segments.length,
    segments: segments.map((segment) => ({ ...segment, ...numbers })),
    words: wordsOf(segments),
  });
  const statement = {
    id,
    like: { acc, aud: sha256(Buffer.from(await file.arrayBuffer())), par: sha256(id) },
    kid,
    // Whoever asks names the model that heard it.
    mdl: textOf(form, "model"),
    nam: Array.from(file.name).slice(0, 255).join(""),
    sum: sha256(body),
  };
  const claims = Buffer.from(JSON.stringify(statement)).toString("base64url");
  const now = String(Math.floor(Date.now() / 1000));
  const digest = createHmac("sha256", secret).update(["v1", "POST", path, claims, now].join("\n")).digest("hex");
  const answer = await fetch(at + path, { method: "POST", headers: { "x-edge-claims": claims, "x-edge-signature": `t=${now},v1=${digest}` }, body });
  if (!answer.ok) throw new Error(`not kept: ${await answer.text()}`);
}

function textOf(form: FormData, name: string): string {
  const value = form.get(name);
  return typeof value === "string" ? value : "";
}

const sha256 = (bytes: Buffer | string): string => createHash("sha256").update(bytes).digest("hex");
