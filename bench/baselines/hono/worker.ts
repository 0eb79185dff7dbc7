// The obvious TypeScript Worker, with the guarantees of the Rust one: keys known by their SHA-256 alone, one
// call to the key's limiter object, which persists before it answers; limit headers of both kinds; the upload
// streamed to the host with signed claims and cancelled when the caller leaves; one log line a request.
import { Hono } from "hono";
import { type AppEnv, type Env, HttpError, errorResponse } from "./app";
import { admit } from "./admission";
import { authenticate } from "./keys";
import { forward } from "./forward";

export { Limiter } from "./limiter";

const app = new Hono<AppEnv>();

app.use(async (c, next) => {
  const start = Date.now();
  const requestId = crypto.randomUUID();
  c.set("requestId", requestId);
  await next();
  const ms = Date.now() - start;
  c.header("x-request-id", requestId);
  c.header("server-timing", [`edge;dur=${ms}`, ...(c.get("upstreamTimings") ?? [])].join(", "));
  const { status } = c.res;
  console.log(
    JSON.stringify({
      level: status < 500 ? "info" : "error",
      msg: "request",
      route: c.get("route") ?? "unknown",
      key_id: c.get("key")?.id,
      code: c.get("errorCode"),
      request_id: requestId,
      status,
      ms,
    }),
  );
});

app.get("/healthz", (c) => c.json({ status: "ok" }));

app.get("/v1/models", authenticate("models"), admit, (c) => {
  const { models } = c.get("key");
  const offered = c.env.MODELS.split(",").filter((name) => models.includes("*") || models.includes(name));
  const ids = offered.length > 0 ? ["whisper-1", ...offered] : [];
  return c.json({
    object: "list",
    data: ids.map((id) => ({ id, object: "model", created: 1_663_718_400, owned_by: "openai" })),
  });
});

app.post("/v1/audio/transcriptions", authenticate("transcriptions", "transcribe"), ...forward("transcribe"));
app.post("/v1/audio/translations", authenticate("translations", "translate"), ...forward("translate"));

app.notFound((c) => errorResponse(c, new HttpError(404, "unknown_route", "There is no such route.")));
app.onError((error, c) => {
  if (error instanceof HttpError) return errorResponse(c, error);
  console.error(JSON.stringify({ level: "error", request_id: c.get("requestId"), cause: String(error) }));
  return errorResponse(c, new HttpError(500, "internal_error", "Something failed here."));
});

export default app satisfies ExportedHandler<Env>;
