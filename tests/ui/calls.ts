// What a test asks the API for behind the page's back.
import { readFileSync } from "node:fs";
import { SAMPLE } from "./browser.ts";
import type { Edge } from "./processes.ts";

interface Kept {
  readonly name?: string;
  readonly audio?: Buffer;
  readonly model?: string;
  /** Another one makes it another transcript. */
  readonly prompt?: string;
}

/** Has a transcript kept; the answer is its id. */
export async function keep({ url }: Edge, key: string, { name = "sample.flac", audio = readFileSync(SAMPLE), model = "whisper-1", prompt = "" }: Kept = {}): Promise<string> {
  const form = new FormData();
  form.set("model", model);
  form.set("prompt", prompt);
  form.set("file", new Blob([Uint8Array.from(audio)]), name);
  const answer = await fetch(`${url}/v1/audio/transcriptions?store=true`, { method: "POST", headers: { authorization: `Bearer ${key}` }, body: form });
  const id = answer.headers.get("x-transcript-id");
  if (!answer.ok || id === null) throw new Error(`not kept: ${await answer.text()}`);
  return id;
}

/** Asks a path with a key; what is not successful is thrown. */
export async function ask({ url }: Edge, key: string, method: string, path: string, body?: unknown): Promise<Response> {
  const answer = await fetch(url + path, {
    method,
    headers: { authorization: `Bearer ${key}`, ...(body !== undefined && !(body instanceof Blob) && { "content-type": "application/json" }) },
    ...(body !== undefined && { body: body instanceof Blob ? body : JSON.stringify(body) }),
  });
  if (!answer.ok) throw new Error(`${method} ${path}: ${await answer.text()}`);
  return answer;
}

/** Uploads a small file; the answer is the upload's id. */
export async function uploaded(edge: Edge, key: string, name: string, content: Blob): Promise<string> {
  const { id } = (await (await ask(edge, key, "POST", "/v1/uploads", { name, bytes: content.size })).json()) as { id: string };
  await ask(edge, key, "PUT", `/v1/uploads/${id}`, content);
  return id;
}
