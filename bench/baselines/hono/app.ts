// What the parts of the Worker share: its bindings, what a request carries, its errors.
import type { Context } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import type { KeyRecord } from "./keys";
import type { Limiter } from "./limiter";

export interface Env {
  KEYS: KVNamespace;
  LIMITER: DurableObjectNamespace<Limiter>;
  INFERENCE_URLS: string;
  EDGE_SIGNING_SECRETS: string;
  MODELS: string;
}

export interface AppEnv {
  Bindings: Env;
  Variables: {
    requestId: string;
    route: string;
    key: KeyRecord;
    errorCode: string;
    upstreamTimings: string[];
  };
}

/** A refusal, in OpenAI's envelope. */
export class HttpError extends Error {
  constructor(
    readonly status: ContentfulStatusCode,
    readonly code: string,
    message: string,
    readonly headers: Record<string, string> = {},
  ) {
    super(message);
  }
}

export function errorResponse(c: Context<AppEnv>, { status, code, message, headers }: HttpError): Response {
  c.set("errorCode", code);
  const type = status === 429 ? "rate_limit_error" : status < 500 ? "invalid_request_error" : "server_error";
  return c.json({ error: { message, type, param: null, code } }, status, headers);
}
