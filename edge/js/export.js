// All transcripts of an account, a line each, as a stream: read from the database while the caller takes them.
import { exportHead } from "./index.js";

/** Rows that are read at a time: one may be 2 MB. */
const AT_A_TIME = 8;
/** After the greatest serial number (edge/core/src/transcripts/serial.rs). */
const END = 2 ** 53;

/** Lines, each in pieces: what is known of a transcript, its canonical form, the end. */
async function* lines(env, page, account, now, folder) {
  const statement = env.DB.prepare(page);
  for (let before = END; ; ) {
    const { results } = await statement.bind(now, account, before, AT_A_TIME).all();
    for (const { body, ...about } of results) {
      // Too long for its row; where it is gone from the bucket as well it was deleted meanwhile.
      const whole = body ?? (await env.BUCKET.get(`${folder}${about.id}.json`));
      if (whole === null) continue;
      yield exportHead(JSON.stringify(about));
      if (typeof whole === "string") yield whole;
      else yield* whole.body.pipeThrough(new TextDecoderStream());
      yield "}\n";
    }
    if (results.length < AT_A_TIME) return;
    before = results.at(-1).serial;
  }
}

/** The stream. A failure breaks it off: what came until then is no whole export, and does not look like one. */
export function exported(env, page, account, now, folder) {
  const source = lines(env, page, account, now, folder);
  const encoder = new TextEncoder();
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await source.next();
      if (done) controller.close();
      else controller.enqueue(encoder.encode(value));
    },
    cancel: () => source.return(),
  });
}
