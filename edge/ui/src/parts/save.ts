// Files that the browser saves.

/** Hands a file to the browser to save. */
export function save(name: string, type: string, ...content: BlobPart[]): void {
  const url = URL.createObjectURL(new Blob(content, { type: `${type};charset=utf-8` }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  // The browser has begun to read it by then.
  setTimeout(() => { URL.revokeObjectURL(url); }, 10_000);
}

/** The audio's name with another ending. */
export const nameWith = (audio: string, end: string): string => `${audio.replace(/\.[^.]{1,5}$/, "") || "transcript"}.${end}`;
