// The upload that was begun and not ended: kept for this tab, so that it can go on after a reload of the page, when
// the same file is chosen again.
import { store } from "../parts/store";

export interface Unfinished {
  readonly id: string;
  readonly name: string;
  readonly size: number;
  readonly lastModified: number;
}

const NAME = "whisper-edge.upload";

function read(): Unfinished | null {
  try {
    const kept = JSON.parse(sessionStorage.getItem(NAME) ?? "null") as Partial<Unfinished> | null;
    return typeof kept?.id === "string" && typeof kept.name === "string" && typeof kept.size === "number" && typeof kept.lastModified === "number"
      ? (kept as Unfinished)
      : null;
  } catch {
    return null;
  }
}

export const unfinished = store<Unfinished | null>(read());

export function begun(id: string, { name, size, lastModified }: File): void {
  keep({ id, name, size, lastModified });
}

export function ended(): void {
  keep(null);
}

/** The upload of this very file, as far as that can be told. */
export function uploadOf(file: File): string | null {
  const kept = unfinished.get();
  return kept?.name === file.name && kept.size === file.size && kept.lastModified === file.lastModified ? kept.id : null;
}

function keep(value: Unfinished | null): void {
  unfinished.set(value);
  try {
    if (value === null) sessionStorage.removeItem(NAME);
    else sessionStorage.setItem(NAME, JSON.stringify(value));
  } catch {
    // It goes on as long as the page is open, at least.
  }
}
