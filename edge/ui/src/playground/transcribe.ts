// One transcription from its first byte to its last word.
import { text as textOfPath } from "../api/client";
import { ApiError } from "../api/errors";
import { EventParser } from "../api/events";
import type { components } from "../api/schema";
import { type Uploaded, upload } from "../api/upload";
import { type Piece, piece, piecesOf } from "../heard/pieces";
import { formOf, requestOf } from "./request";
import type { Format, Settings } from "./settings";
import { readSubtitles } from "./subtitles";

type TranscriptEvent = components["schemas"]["TranscriptEvent"];

/** What has become of it so far. */
export interface Progress {
  readonly sent?: readonly [sent: number, total: number];
  /** All of the text. */
  readonly text?: string;
  readonly pieces?: readonly Piece[];
  /** The answer as it came, where it came as a whole. */
  readonly raw?: string;
  readonly transcriptId?: string | null;
  readonly wordsMissing?: boolean;
}

interface Order {
  readonly settings: Settings;
  readonly file: File;
  readonly key: string;
  readonly signal: AbortSignal;
  readonly tell: (progress: Progress) => void;
}

/** Resolves when the last word is there; words of a kept transcript may still follow (`wordsOf`). */
export async function transcribe({ settings, file, key, signal, tell }: Order): Promise<string | null> {
  const request = requestOf(settings);
  const stream = new Stream(tell);
  const answer = await upload({
    url: request.path,
    key,
    body: formOf(request, file),
    signal,
    onSent: (sent, total) => { tell({ sent: [sent, total] }); },
    ...(request.streams && { onText: (came: string) => { stream.push(came); } }),
  });
  if (request.streams) stream.end();
  else tell(readAnswer(settings.format, answer));
  const transcriptId = answer.header("x-transcript-id");
  tell({ transcriptId });
  return transcriptId;
}

/** The words of a transcript that was kept: its stream told the times of its pieces only. */
export async function wordsOf(id: string, key: string, signal: AbortSignal): Promise<readonly Piece[]> {
  const kept = await textOfPath("/v1/transcripts/{id}", { key, path: { id }, query: { format: "verbose_json" }, signal });
  return piecesOf(JSON.parse(kept) as components["schemas"]["VerboseTranscription"]);
}

/** The events of a streamed answer, put together. */
class Stream {
  readonly #parser = new EventParser();
  readonly #tell: (progress: Progress) => void;
  #text = "";
  #pieces: readonly Piece[] = [];
  #done = false;
  #error: ApiError | null = null;

  constructor(tell: (progress: Progress) => void) {
    this.#tell = tell;
  }

  push(came: string): void {
    for (const { data } of this.#parser.push(came)) this.#take(JSON.parse(data) as TranscriptEvent);
    this.#tell({ text: this.#text, pieces: this.#pieces });
  }

  #take(event: TranscriptEvent): void {
    switch (event.type) {
      case "transcript.text.delta":
        this.#text += event.delta;
        break;
      case "transcript.text.segment":
        this.#pieces = [...this.#pieces, piece(event.start, event.end, event.text)];
        break;
      case "transcript.text.done":
        this.#text = event.text;
        this.#done = true;
        break;
      case "error":
        this.#error = ApiError.inStream(event.error);
    }
  }

  /** The connection has ended: well, if the last event was there. */
  end(): void {
    if (this.#error) throw this.#error;
    if (!this.#done) throw ApiError.lost();
  }
}

function readAnswer(format: Format, { text: raw }: Uploaded): Progress {
  switch (format) {
    case "words": {
      const answer = JSON.parse(raw) as components["schemas"]["VerboseTranscription"];
      return { raw, text: answer.text, pieces: piecesOf(answer) };
    }
    case "json":
      return { raw, text: (JSON.parse(raw) as components["schemas"]["Transcription"]).text };
    case "srt":
    case "vtt": {
      const pieces = readSubtitles(raw);
      return { raw, pieces, text: pieces.map(({ text }) => text).join(" ") };
    }
    default:
      return { raw, text: raw.trim() };
  }
}
