// Subtitles written and read, as the service writes them (inference/api/src/render.rs): nothing is asked twice to
// save what is on the screen.
import { type Piece, piece } from "../heard/pieces";

const said = (pieces: readonly Piece[]): Piece[] => pieces.filter(({ text }) => text !== "");

// An arrow is reserved in both forms.
const cue = (text: string): string => text.split(/\s+/).join(" ").replaceAll("-->", "->");

function time(seconds: number, separator: "," | "."): string {
  const ms = Math.max(0, Math.round(seconds * 1000));
  const two = (value: number): string => String(Math.floor(value)).padStart(2, "0");
  return `${two(ms / 3_600_000)}:${two((ms / 60_000) % 60)}:${two((ms / 1000) % 60)}${separator}${String(ms % 1000).padStart(3, "0")}`;
}

export const srt = (pieces: readonly Piece[]): string =>
  said(pieces)
    .map(({ start, end, text }, index) => `${String(index + 1)}\n${time(start, ",")} --> ${time(end, ",")}\n${cue(text)}\n\n`)
    .join("");

export const vtt = (pieces: readonly Piece[]): string =>
  `WEBVTT\n\n${said(pieces)
    .map(({ start, end, text }) => `${time(start, ".")} --> ${time(end, ".")}\n${cue(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;")}\n\n`)
    .join("")}`;

const TIMES = /^(?:(\d+):)?(\d+):(\d+)[.,](\d+) --> (?:(\d+):)?(\d+):(\d+)[.,](\d+)$/;

/** The pieces of subtitles in either form. */
export function readSubtitles(text: string): readonly Piece[] {
  const unescape = (line: string): string => (text.startsWith("WEBVTT") ? line.replaceAll("&lt;", "<").replaceAll("&amp;", "&") : line);
  return text.split("\n\n").flatMap((block) => {
    const lines = block.split("\n");
    const at = lines.findIndex((line) => TIMES.test(line));
    const times = TIMES.exec(lines[at] ?? "");
    if (!times) return [];
    const [h1, m1, s1, f1, h2, m2, s2, f2] = times.slice(1).map((part: string | undefined) => Number(part ?? 0));
    const seconds = (h = 0, m = 0, s = 0, f = 0): number => h * 3600 + m * 60 + s + f / 1000;
    return [piece(seconds(h1, m1, s1, f1), seconds(h2, m2, s2, f2), unescape(lines.slice(at + 1).join(" ")))];
  });
}
