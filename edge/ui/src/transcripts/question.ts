// What is asked of the listing, made of what was typed and chosen.
import type { operations } from "../api/schema";

export interface Filters {
  readonly search: string;
  /** A language's code; empty: any. */
  readonly language: string;
  /** Days as the browser writes them: 2026-11-28. */
  readonly from: string;
  readonly until: string;
}

export const NO_FILTERS: Filters = { search: "", language: "", from: "", until: "" };

export const isFiltered = ({ search, language, from, until }: Filters): boolean => hasWord(search) || language !== "" || from !== "" || until !== "";

export type Question = NonNullable<operations["listTranscripts"]["parameters"]["query"]>;

/** The first day begins, and the last one ends, at this person's midnight. */
export function questionOf({ search, language, from, until }: Filters): Question {
  return {
    ...(hasWord(search) && { q: asBeginning(search.trim()) }),
    ...(language !== "" && { language }),
    ...(from !== "" && { from: midnight(from, 0) }),
    ...(until !== "" && { to: midnight(until, 1) }),
  };
}

const hasWord = (search: string): boolean => /[\p{L}\p{N}]/u.test(search);

// While somebody types, his last word is the beginning of one; within quotation marks it is what it is.
function asBeginning(search: string): string {
  const isOpen = search.split('"').length % 2 === 0;
  return !isOpen && /[\p{L}\p{N}]$/u.test(search) ? `${search}*` : search;
}

function midnight(day: string, daysLater: number): number {
  const date = new Date(`${day}T00:00:00`);
  date.setDate(date.getDate() + daysLater);
  return Math.max(0, Math.floor(date.getTime() / 1000));
}
