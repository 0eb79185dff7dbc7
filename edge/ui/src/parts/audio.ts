// What can be told of a file by its first bytes.

/** Whether it begins as audio does; the service's word counts. */
export async function seemsAudio(file: Blob): Promise<boolean> {
  try {
    return looksLikeAudio(new Uint8Array(await file.slice(0, 12).arrayBuffer()));
  } catch {
    // It can't be read any more: sending it will say so.
    return true;
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
