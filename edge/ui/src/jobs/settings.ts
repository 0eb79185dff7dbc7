// What a person chose for his jobs. It outlives a reload of the page: nothing chosen or typed is lost.
import type { components } from "../api/schema";

export const TASKS = ["transcribe", "translate"] as const;
export type Task = (typeof TASKS)[number];

export interface Settings {
  readonly model: string;
  /** Empty: it is to be found out. */
  readonly language: string;
  readonly task: Task;
  readonly prompt: string;
  /** Beside the transcript, to be heard there. */
  readonly keepAudio: boolean;
}

/** `whisper-1`: the name by which every deployment knows its first model. */
const DEFAULTS: Settings = { model: "whisper-1", language: "", task: "transcribe", prompt: "", keepAudio: false };
const NAME = "whisper-edge.jobs";

export function readSettings(): Settings {
  try {
    const kept = JSON.parse(sessionStorage.getItem(NAME) ?? "{}") as Record<string, unknown>;
    // What stands in the storage may be of an older page.
    const text = (name: "model" | "language" | "prompt"): string => (typeof kept[name] === "string" ? kept[name] : DEFAULTS[name]);
    return {
      model: text("model"),
      language: text("language"),
      prompt: text("prompt"),
      task: TASKS.find((task) => task === kept.task) ?? DEFAULTS.task,
      keepAudio: kept.keepAudio === true,
    };
  } catch {
    return DEFAULTS;
  }
}

export function keepSettings(settings: Settings): void {
  try {
    sessionStorage.setItem(NAME, JSON.stringify(settings));
  } catch {
    // They hold for this page at least.
  }
}

type JobRequest = components["schemas"]["JobRequest"];
export type Job = components["schemas"]["JobView"];

/** What the API takes as notes, in bytes of JSON. */
const MOST_NOTES = 1024;

/** The job that is asked for. What its own view does not tell is noted with it, so that it can be asked for again. */
export function requestOf({ model, language, task, prompt, keepAudio }: Settings, uploadId: string): JobRequest {
  const rest = { ...(language !== "" && { language }), ...(prompt.trim() !== "" && { prompt }), ...(keepAudio && { keep_audio: true }) };
  const metadata = { upload_id: uploadId, ...rest };
  const fits = new TextEncoder().encode(JSON.stringify(metadata)).length <= MOST_NOTES;
  return { upload_id: uploadId, model, task, ...rest, ...(fits && { metadata }) };
}

/** The same job once more; `null`: it was made by something else, or what was asked for is not known. */
export function againOf({ metadata, model, task, name }: Job): JobRequest | null {
  const uploadId = metadata?.upload_id;
  if (typeof uploadId !== "string" || model == null) return null;
  const { language, prompt, keep_audio: keepAudio } = metadata ?? {};
  const settings = {
    model,
    task,
    language: typeof language === "string" ? language : "",
    prompt: typeof prompt === "string" ? prompt : "",
    keepAudio: keepAudio === true,
  };
  return { ...requestOf(settings, uploadId), ...(name != null && { name }) };
}
