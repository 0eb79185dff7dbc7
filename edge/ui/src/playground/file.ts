// What can be said of a file before it is sent.

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
  try {
    const head = new Uint8Array(await file.slice(0, 12).arrayBuffer());
    return looksLikeAudio(head) ? null : "unknown";
  } catch {
    // It can't be read any more: sending it will say so.
    return null;
  }
}

// How the known containers begin.
function looksLikeAudio(head: Uint8Array): boolean {
  const text = String.fromCharCode(...head);
  const [first = 0, second = 0] = head;
  return (
    text.startsWith("fLaC") ||
    text.startsWith("OggS") ||
    text.startsWith("ID3") ||
    text.startsWith("RIFF") ||
    text.slice(4, 8) === "ftyp" ||
    text.startsWith("\x1aE\xdf\xa3") ||
    // A frame of MPEG audio without a head before it.
    (first === 0xff && (second & 0xe0) === 0xe0)
  );
}
