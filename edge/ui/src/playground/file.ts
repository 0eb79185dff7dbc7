// What can be said of a file before it is sent.
import { seemsAudio } from "../parts/audio";

/** Where the API's own bound lies at most; most deployments keep it at 25 MiB. */
const MOST = 100 * 1024 * 1024;
const USUAL = 25 * 1024 * 1024;

export type FileFault = "empty" | "huge";
export type FileWarning = "large" | "unknown";

/** Why it can't be sent at all. */
export function faultOf({ size }: Blob): FileFault | null {
  if (size === 0) return "empty";
  return size > MOST ? "huge" : null;
}

/** What will probably be refused; the service's word counts. */
export async function warningOf(file: Blob): Promise<FileWarning | null> {
  if (file.size > USUAL) return "large";
  return (await seemsAudio(file)) ? null : "unknown";
}
