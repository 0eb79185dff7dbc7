// What a request can fail with, as one class: refused by the service, or never answered.
import type { components } from "./schema";

/** A code of the API, or one of ours, where no answer came. */
export type ErrorCode = components["schemas"]["Error"]["error"]["code"] | "network_lost" | "not_understood";

interface Fields {
  readonly status: number;
  readonly code: ErrorCode;
  readonly message: string;
  readonly param?: string | null;
  readonly retryAfter?: number | null;
  readonly requestId?: string | null;
}

/** A request that failed. `message` is the service's own; what a person reads is in text/errors.ts. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  /** HTTP status; 0: no answer came, or it broke off. */
  readonly status: number;
  readonly code: ErrorCode;
  /** The field at fault. */
  readonly param: string | null;
  /** Seconds after which the same request may be answered otherwise, counted from `at`. */
  readonly retryAfter: number | null;
  readonly requestId: string | null;
  /** When it came, in milliseconds. */
  readonly at = Date.now();

  constructor({ status, code, message, param = null, retryAfter = null, requestId = null }: Fields) {
    super(message);
    this.status = status;
    this.code = code;
    this.param = param;
    this.retryAfter = retryAfter;
    this.requestId = requestId;
  }

  /** Milliseconds until the same request may be answered otherwise; 0: now. */
  get waitMs(): number {
    return this.retryAfter === null ? 0 : Math.max(0, this.at + this.retryAfter * 1000 - Date.now());
  }

  /** The connection was lost, or could not be made. */
  static lost(): ApiError {
    return new ApiError({ status: 0, code: "network_lost", message: "The connection was lost." });
  }

  /** A field that can't be sent as it is: told as if the service had found it. */
  static ofField(param: string, message: string): ApiError {
    return new ApiError({ status: 0, code: "invalid_value", message, param });
  }

  /** From an answer's status, headers and body; a body that is not the API's envelope is another program's. */
  static of(status: number, header: (name: string) => string | null, body: string): ApiError {
    const retryAfter = Number.parseInt(header("retry-after") ?? "", 10);
    const rest = {
      status,
      retryAfter: Number.isNaN(retryAfter) ? null : retryAfter,
      requestId: header("x-request-id"),
    };
    const said = errorOf(parsed(body));
    return new ApiError({ ...rest, ...(said ?? { code: "not_understood", message: `HTTP ${String(status)}` }) });
  }

  /** From the error of a stream's last event: the answer's head had promised success. */
  static inStream(error: unknown): ApiError {
    const said = errorOf({ error });
    return new ApiError({ status: 200, ...(said ?? { code: "not_understood", message: "The stream ended in an error." }) });
  }
}

/** Whether it was given up on purpose: that is no failure. */
export const isAbort = (error: unknown): boolean => error instanceof DOMException && error.name === "AbortError";

/** Any failure as one that can be shown; a fault of the page itself is told as such, not hidden. */
export const asApiError = (error: unknown): ApiError =>
  error instanceof ApiError ? error : new ApiError({ status: 0, code: "not_understood", message: String(error) });

function parsed(body: string): unknown {
  try {
    return JSON.parse(body) as unknown;
  } catch {
    return null;
  }
}

function errorOf(body: unknown): Pick<Fields, "code" | "message" | "param"> | null {
  if (!isRecord(body) || !isRecord(body.error)) return null;
  const { code, message, param } = body.error;
  if (typeof code !== "string" || typeof message !== "string") return null;
  return { code: code as ErrorCode, message, param: typeof param === "string" ? param : null };
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null;
