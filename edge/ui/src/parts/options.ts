export interface Option<T extends string> {
  readonly value: T;
  readonly label: string;
}

/** What can be chosen, of the words for each. */
export const optionsOf = <T extends string>(words: Readonly<Record<T, string>>): readonly Option<T>[] =>
  (Object.keys(words) as T[]).map((value) => ({ value, label: words[value] }));
