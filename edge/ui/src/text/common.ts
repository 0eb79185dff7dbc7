// What all pages say. Every text that a person reads stands in this folder, one module for each page, so that a
// page loads its own alone.
export const common = {
  name: "whisper-edge",
  pagesLabel: "Pages",
  pages: {
    playground: "Playground",
    transcripts: "Transcripts",
    jobs: "Jobs",
    keys: "Keys",
    admin: "Console",
    docs: "API",
  },
  skip: "To the content",
  toLight: "Light look",
  toDark: "Dark look",
  foot: "A Whisper API you run yourself.",
  reference: "API reference",
  openapi: "OpenAPI",
  copied: "Copied.",
  notCopied: "The browser does not let this page copy. Select the text and copy it yourself.",
  tryAgain: "Try again",
  cancel: "Cancel",
  close: "Close",
  againIn: (seconds: number): string => `You can try again in ${String(seconds)} s.`,
  requestId: (id: string): string => `Request ${id}`,
} as const;

/** Bytes as people say them. */
export function bytes(count: number): string {
  const units = ["bytes", "KB", "MB", "GB"];
  let value = count;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? String(value) : value.toFixed(1)} ${units[unit] ?? ""}`;
}

/** A time of an audio: 4:07, or 1:02:03. */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (part: number): string => String(part).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  const rest = `${hours > 0 ? two(Math.floor(whole / 60) % 60) : String(Math.floor(whole / 60))}:${two(whole % 60)}`;
  return hours > 0 ? `${String(hours)}:${rest}` : rest;
}

// Made when it is first needed, and once: that takes many times as long as what it is then used for.
let moments: Intl.DateTimeFormat | null = null;

/** A moment, as the person's own country writes it. */
export function moment(unixSeconds: number): string {
  moments ??= new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
  return moments.format(unixSeconds * 1000);
}
