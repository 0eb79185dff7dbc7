// Keeps the audio of a job beside its transcript. Done twice it has no effect.
import { mediaType } from "./index.js";

/** How long a transcript may be on its way to the database; one that is not there then was deleted. */
const WRITTEN_MS = 3_600_000;
/** What the bucket takes in one piece (Cloudflare's documentation, "R2 limits"). */
const MOST_BYTES = 5_368_709_120 - 5_242_880;

/**
 * Keeps it: in the bucket first, in the row second, for no row may speak of what is not there. Fails where that can be done
 * later.
 */
export async function keepAudio({ env, ctx }, { transcript, spec, ended }) {
  const { input, name } = JSON.parse(spec);
  const row = await env.DB.prepare("SELECT audio_type FROM transcripts WHERE id=?").bind(transcript).first();
  if (row === null && (ended === null || Date.now() - ended < WRITTEN_MS)) throw new Error("its transcript is not there yet");
  if (row === null || row.audio_type !== null) return;
  const file = await env.BUCKET.get(`uploads/${ctx.id.name}/${input.upload}`);
  if (file === null || file.size > MOST_BYTES) return;
  const place = `transcripts/${ctx.id.name}/${transcript}.audio`;
  await env.BUCKET.put(place, file.body);
  const keep = env.DB.prepare("UPDATE transcripts SET audio_type=?,audio_bytes=? WHERE id=?");
  const { meta } = await keep.bind(mediaType(name ?? ""), file.size, transcript).run();
  // It was deleted meanwhile.
  if (meta.changes === 0) await env.BUCKET.delete(place);
}
