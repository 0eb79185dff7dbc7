// From what was chosen to the request: the one that is sent, and the one that is shown as code, are made here both.
import type { Settings } from "./settings";

export interface Request {
  /** With its query. */
  readonly path: string;
  /** The form's fields beside the file, in their order. */
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly streams: boolean;
}

export function requestOf({ model, language, task, format, prompt, store }: Settings): Request {
  const route = task === "translate" ? "/v1/audio/translations" : "/v1/audio/transcriptions";
  const fields: [string, string][] = [["model", model]];
  if (language !== "") fields.push(["language", language]);
  if (prompt.trim() !== "") fields.push(["prompt", prompt]);
  if (format === "stream") fields.push(["stream", "true"]);
  else if (format === "words") fields.push(["response_format", "verbose_json"], ["timestamp_granularities[]", "word"]);
  else fields.push(["response_format", format]);
  return { path: store ? `${route}?store=true` : route, fields, streams: format === "stream" };
}

export function formOf({ fields }: Request, file: File): FormData {
  const form = new FormData();
  for (const [name, value] of fields) form.append(name, value);
  form.append("file", file, file.name);
  return form;
}
