interface Props {
  readonly of: (name: string) => string;
  readonly name: string;
}

// No text of the pages has it.
const PLACE = "\u0000";

/** A sentence about something that somebody else named: whichever direction the name has, the sentence keeps its own. */
export function Sentence({ of, name }: Props) {
  const [before = "", after = ""] = of(PLACE).split(PLACE);
  return <>{before}<bdi>{name}</bdi>{after}</>;
}
