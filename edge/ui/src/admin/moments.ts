// Moments as a field of a form has them: local time, without a zone.

const two = (part: number): string => String(part).padStart(2, "0");

/** Unix seconds for `datetime-local`; none: empty. */
export function toField(unixSeconds: number | null | undefined): string {
  if (unixSeconds == null) return "";
  const at = new Date(unixSeconds * 1000);
  return `${String(at.getFullYear()).padStart(4, "0")}-${two(at.getMonth() + 1)}-${two(at.getDate())}T${two(at.getHours())}:${two(at.getMinutes())}`;
}

/** What stands in such a field, in unix seconds. */
export function ofField(text: string): number | null {
  const at = new Date(text).getTime();
  return Number.isNaN(at) ? null : Math.floor(at / 1000);
}
