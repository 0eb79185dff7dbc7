// Files made of what is on the screen.
import { type Piece, textOf } from "../heard/pieces";
import { srt, vtt } from "./subtitles";
import type { Run } from "./useTranscription";

export interface Download {
  readonly end: "txt" | "srt" | "vtt" | "json";
  readonly type: string;
  readonly content: () => string;
}

/** What can be made of a transcript: without times there are no subtitles. */
export function downloadsOf({ text, pieces, raw, settings }: Run): readonly Download[] {
  const format = settings?.format;
  const isJson = format === "json" || format === "words";
  const plain: Download = { end: "txt", type: "text/plain", content: () => `${text}\n` };
  const timed: Download[] = [
    { end: "srt", type: "application/x-subrip", content: () => srt(pieces) },
    { end: "vtt", type: "text/vtt", content: () => vtt(pieces) },
  ];
  const json: Download = { end: "json", type: "application/json", content: () => (isJson && raw !== null ? raw : asJson(text, pieces)) };
  return [plain, ...(pieces.length > 0 ? timed : []), json];
}

function asJson(text: string, pieces: readonly Piece[]): string {
  const segments = pieces.map(({ start, end, text: said }) => ({ start, end, text: said }));
  const words = pieces.flatMap(({ parts }) =>
    parts.length > 1 ? parts.flatMap(({ text: word, start, end }) => (start === null ? [] : [{ word, start, end }])) : [],
  );
  return JSON.stringify({ text: text || textOf(pieces), segments, ...(words.length > 0 && { words }) }, null, 2);
}
