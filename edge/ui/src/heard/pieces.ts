// The transcript as the page shows it: pieces with their times, and in them words with theirs where they are known.
import type { components } from "../api/schema";

export interface Part {
  readonly text: string;
  /** Seconds; `null`: nothing is known of it, as of the space between words. */
  readonly start: number | null;
  readonly end: number | null;
}

export interface Piece {
  readonly start: number;
  readonly end: number;
  readonly text: string;
  readonly parts: readonly Part[];
}

type Word = components["schemas"]["Word"];
type Verbose = components["schemas"]["VerboseTranscription"];

/** A piece that is known as a whole. */
export function piece(start: number, end: number, text: string): Piece {
  const clean = text.trim();
  return { start, end, text: clean, parts: [{ text: clean, start, end }] };
}

/** The pieces of a verbose answer, with their words where it has some. */
export function piecesOf({ segments, words }: Verbose): readonly Piece[] {
  if (!words || words.length === 0) return segments.map(({ start, end, text }) => piece(start, end, text));
  let next = 0;
  return segments.map(({ start, end, text }) => {
    const clean = text.trim();
    const { parts, used } = partsOf(clean, words.slice(next));
    next += used;
    return parts.length === 0 ? piece(start, end, clean) : { start, end, text: clean, parts };
  });
}

// Words are looked for in the text, so that what stands between them stays as it is: not every script has spaces.
function partsOf(text: string, words: readonly Word[]): { parts: Part[]; used: number } {
  const parts: Part[] = [];
  let at = 0;
  let used = 0;
  for (const { word, start, end } of words) {
    const found = text.indexOf(word, at);
    // A word further on belongs to a later piece that begins alike.
    if (found === -1 || text.slice(at, found).trim() !== "") break;
    if (found > at) parts.push({ text: text.slice(at, found), start: null, end: null });
    parts.push({ text: word, start, end });
    at = found + word.length;
    used += 1;
  }
  if (used > 0 && at < text.length) parts.push({ text: text.slice(at), start: null, end: null });
  return { parts, used };
}

export const textOf = (pieces: readonly Piece[]): string => pieces.map(({ text }) => text).join(" ");

export const hasWords = (pieces: readonly Piece[]): boolean => pieces.some(({ parts }) => parts.length > 1);

/** Which piece, and which part of it, is said at a time; -1: none yet. */
export function placeAt(pieces: readonly Piece[], seconds: number): readonly [piece: number, part: number] {
  const at = lastBy(pieces, (one) => one.start <= seconds);
  const parts = pieces[at]?.parts ?? [];
  return [at, lastBy(parts, ({ start }) => start !== null && start <= seconds)];
}

function lastBy<T>(list: readonly T[], holds: (item: T) => boolean): number {
  return list.findLastIndex(holds);
}
