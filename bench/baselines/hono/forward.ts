// The way of an upload to the inference host and back: the body as the stream it is, claims signed.
import { createFactory } from "hono/factory";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { admit } from "./admission";
import { type AppEnv, HttpError } from "./app";
import type { KeyRecord, Scope } from "./keys";

const MAX_UPLOAD_BYTES = 25 * 1024 * 1024;
const MAX_AUDIO_SECONDS = 7_200;
const TIMEOUT_MS = 600_000;
const TO_UPSTREAM = ["content-type", "traceparent"];
const TO_CALLER = ["content-type", "retry-after", "x-audio-seconds"];
const TIMINGS = { queue: "x-queue-ms", decode: "x-decode-ms", inference: "x-inference-ms" };

const factory = createFactory<AppEnv>();
const encoder = new TextEncoder();

let signingKey: Promise<CryptoKey> | undefined;

function importSigningKey(secrets: string): Promise<CryptoKey> {
  const [secret] = secrets.split(",");
  return crypto.subtle.importKey("raw", encoder.encode(secret), { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
}

function encodeClaims(requestId: string, key: KeyRecord, scope: Scope, now: number): string {
  const claims = {
    rid: requestId,
    kid: key.id,
    own: key.owner,
    scp: [scope],
    mdl: key.models,
    max: MAX_AUDIO_SECONDS,
    pri: 5,
    dl: now + TIMEOUT_MS,
    ren: "client",
  };
  return encoder.encode(JSON.stringify(claims)).toBase64({ alphabet: "base64url", omitPadding: true });
}

async function sign(secrets: string, path: string, claims: string, now: number): Promise<string> {
  const seconds = Math.floor(now / 1000);
  const key = await (signingKey ??= importSigningKey(secrets));
  const message = ["v1", "POST", path, claims, seconds].join("\n");
  const mac = await crypto.subtle.sign("HMAC", key, encoder.encode(message));
  return `t=${seconds},v1=${new Uint8Array(mac).toHex()}`;
}

const checkUpload = factory.createMiddleware(async (c, next) => {
  if (!/^multipart\/form-data\s*;.*boundary=/i.test(c.req.header("content-type") ?? "")) {
    throw new HttpError(415, "unsupported_media_type", "The body must be multipart/form-data.");
  }
  if (Number(c.req.header("content-length") ?? 0) > MAX_UPLOAD_BYTES) {
    throw new HttpError(413, "too_large", `The body is larger than ${MAX_UPLOAD_BYTES} bytes.`);
  }
  await next();
});

export const forward = (scope: Scope) =>
  factory.createHandlers(checkUpload, admit, async (c) => {
    const request = c.req.raw;
    const requestId = c.get("requestId");
    const path = c.req.path;
    const now = Date.now();
    const claims = encodeClaims(requestId, c.get("key"), scope, now);
    const headers = new Headers({
      "x-edge-request-id": requestId,
      "x-edge-claims": claims,
      "x-edge-signature": await sign(c.env.EDGE_SIGNING_SECRETS, path, claims, now),
    });
    for (const name of TO_UPSTREAM) {
      const value = request.headers.get(name);
      if (value !== null) headers.set(name, value);
    }

    const deadline = AbortSignal.timeout(TIMEOUT_MS);
    let upstream: Response;
    try {
      upstream = await fetch(c.env.INFERENCE_URLS + path, {
        method: "POST",
        headers,
        body: request.body,
        redirect: "manual",
        signal: AbortSignal.any([request.signal, deadline]),
      });
    } catch {
      if (deadline.aborted) throw new HttpError(504, "upstream_timeout", "The service took too long.");
      throw new HttpError(502, "upstream_failed", "The service failed.");
    }
    if (upstream.headers.get("x-request-id") !== requestId) {
      await upstream.body?.cancel();
      throw new HttpError(502, "upstream_failed", "The service failed.");
    }

    for (const name of TO_CALLER) {
      const value = upstream.headers.get(name);
      if (value !== null) c.header(name, value);
    }
    const timings = Object.entries(TIMINGS).flatMap(([name, header]) => {
      const ms = upstream.headers.get(header);
      return ms === null ? [] : [`${name};dur=${ms}`];
    });
    c.set("upstreamTimings", timings);
    return c.body(upstream.body as ReadableStream, upstream.status as ContentfulStatusCode);
  });
