// Codes as people say them.
import { languages } from "../parts/languages";

/** A language by its code; one that is not known stays a code. */
export const nameOfLanguage = (code: string): string => languages.find(({ value }) => value === code)?.label ?? code;
