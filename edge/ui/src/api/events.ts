// Server-sent events (WHATWG HTML, 9.2): a parser for text that comes in pieces, and a reader of a whole answer.
import { ApiError } from "./errors";

export interface ServerEvent {
  /** `message` where nothing is said. */
  readonly type: string;
  readonly data: string;
}

/** Takes text as it comes and gives the events that are complete. */
export class EventParser {
  #rest = "";
  #type = "";
  #data: string[] = [];

  push(text: string): ServerEvent[] {
    const all = this.#rest + text;
    // A \r at the end may be the first half of a line's end.
    const half = all.endsWith("\r") ? "\r" : "";
    const lines = all.slice(0, all.length - half.length).split(/\r\n|\r|\n/);
    // The last line may go on.
    this.#rest = (lines.pop() ?? "") + half;
    return lines.flatMap((line) => this.#line(line) ?? []);
  }

  #line(line: string): ServerEvent | null {
    if (line === "") {
      const event = this.#data.length === 0 ? null : { type: this.#type || "message", data: this.#data.join("\n") };
      this.#type = "";
      this.#data = [];
      return event;
    }
    // No pattern: what is said may have ends of lines that are none here (U+2028), and that stop one.
    const colon = line.indexOf(":");
    const field = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? "" : line.slice(colon + (line[colon + 1] === " " ? 2 : 1));
    if (field === "data") this.#data.push(value);
    else if (field === "event") this.#type = value;
    return null;
  }
}

/** The events of an answer, until it ends; a connection that breaks is thrown. */
export async function* eventsOf(answer: Response): AsyncGenerator<ServerEvent, void, void> {
  if (answer.body === null) return;
  const parser = new EventParser();
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read().catch((error: unknown) => {
        throw error instanceof TypeError ? ApiError.lost() : error;
      });
      if (done) return;
      yield* parser.push(value);
    }
  } finally {
    // Whoever stops listening ends the request.
    await reader.cancel().catch(() => undefined);
  }
}
