// Brings a file to the service, part by part. What is there already is not sent again.
import { call } from "../api/client";
import { ApiError } from "../api/errors";
import type { components } from "../api/schema";
import { upload } from "../api/upload";

type UploadView = components["schemas"]["UploadView"];

/** What the API takes at most where a deployment sets nothing else. */
export const MOST_BYTES = 5 * 1024 ** 3;
const LONGEST_NAME = 255;

export interface Sent {
  readonly sent: number;
  readonly part: number;
  readonly parts: number;
}

interface Order {
  readonly file: File;
  readonly key: string;
  readonly signal: AbortSignal;
  /** Of an earlier try, if there was one. */
  readonly uploadId: string | null;
  /** The upload is known by this id from now on. */
  readonly onBegun: (uploadId: string) => void;
  readonly tell: (sent: Sent) => void;
}

/** Resolves with the id of the upload, once all of it is there. */
export async function sendFile({ file, key, signal, uploadId, onBegun, tell }: Order): Promise<string> {
  const view = (await earlier(uploadId, key, signal)) ?? (await call("post", "/v1/uploads", { key, body: { name: nameOf(file.name), bytes: file.size }, signal }));
  const { id, part_bytes } = view;
  onBegun(id);
  const parts = Math.ceil(file.size / part_bytes);
  const there = new Set(view.parts.map(({ part }) => part));
  let sent = view.parts.reduce((sum, { bytes }) => sum + bytes, 0);
  for (let part = 1; part <= parts; part += 1) {
    if (there.has(part)) continue;
    const body = file.slice((part - 1) * part_bytes, part * part_bytes);
    const before = sent;
    tell({ sent, part, parts });
    await upload({
      method: "PUT",
      url: `/v1/uploads/${id}?part=${String(part)}`,
      key,
      body,
      signal,
      onSent: (gone) => { tell({ sent: before + gone, part, parts }); },
    });
    sent += body.size;
  }
  tell({ sent: file.size, part: parts, parts });
  return id;
}

// Which parts of an earlier try are there; nothing, where it has expired meanwhile.
async function earlier(id: string | null, key: string, signal: AbortSignal): Promise<UploadView | null> {
  if (id === null) return null;
  try {
    return await call("get", "/v1/uploads/{id}", { key, path: { id }, signal });
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return null;
    throw error;
  }
}

/** A file's name as the API takes it: no controls, not too long. */
function nameOf(name: string): string {
  const clean = Array.from(name.replace(/\p{Cc}/gu, "")).slice(0, LONGEST_NAME).join("");
  return clean === "" ? "audio" : clean;
}
