// What a person chose. It outlives a reload of the page: nothing chosen or typed is lost.

/** `stream`: the text comes while it is heard. `words`: verbose JSON. The others as the API has them. */
export const FORMATS = ["stream", "words", "json", "text", "srt", "vtt"] as const;
export const TASKS = ["transcribe", "translate"] as const;

export type Format = (typeof FORMATS)[number];
export type Task = (typeof TASKS)[number];

export interface Settings {
  readonly model: string;
  /** Empty: it is to be found out. */
  readonly language: string;
  readonly task: Task;
  readonly format: Format;
  readonly prompt: string;
  readonly store: boolean;
}

/** The name by which every deployment knows its first model. */
export const DEFAULT_MODEL = "whisper-1";

const DEFAULTS: Settings = { model: DEFAULT_MODEL, language: "", task: "transcribe", format: "stream", prompt: "", store: false };
const NAME = "whisper-edge.playground";

export function readSettings(): Settings {
  try {
    return checked(JSON.parse(sessionStorage.getItem(NAME) ?? "{}") as Record<string, unknown>);
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

// What stands in the storage may be of an older page.
function checked(kept: Record<string, unknown>): Settings {
  const text = (name: "model" | "language" | "prompt"): string => (typeof kept[name] === "string" ? kept[name] : DEFAULTS[name]);
  return {
    model: text("model"),
    language: text("language"),
    prompt: text("prompt"),
    task: TASKS.find((task) => task === kept.task) ?? DEFAULTS.task,
    format: FORMATS.find((format) => format === kept.format) ?? DEFAULTS.format,
    store: kept.store === true,
  };
}
