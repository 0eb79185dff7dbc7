import { useState } from "preact/hooks";
import { Button } from "../parts/Button";
import { TextField } from "../parts/Field";
import { admin } from "../text/admin";

interface FilterField<N extends string> {
  readonly name: N;
  readonly label: string;
  readonly type?: "datetime-local";
}

interface Props<N extends string> {
  readonly label: string;
  readonly fields: readonly FilterField<N>[];
  readonly values: Readonly<Record<N, string>>;
  readonly onApply: (values: Readonly<Record<N, string>>) => void;
}

/** What of a list is wanted. What is typed is its own affair until it is sent, so no list is drawn anew meanwhile. */
export function FilterForm<N extends string>({ label, fields, values, onApply }: Props<N>) {
  const [typed, setTyped] = useState(values);
  const apply = (event: SubmitEvent): void => {
    event.preventDefault();
    const entries = Object.entries<string>(typed).map(([name, value]) => [name, value.trim()]);
    onApply(Object.fromEntries(entries) as Record<N, string>);
  };
  return (
    <form class="panel filter" role="search" aria-label={label} onSubmit={apply}>
      {fields.map(({ name, ...field }) => (
        <TextField key={name} {...field} value={typed[name]} autocomplete="off" spellcheck={false} onInput={(value) => { setTyped({ ...typed, [name]: value }); }} />
      ))}
      <Button type="submit">{admin.apply}</Button>
    </form>
  );
}
