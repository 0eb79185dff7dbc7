import { Check, Group } from "../parts/Field";

interface Props<S extends string> {
  readonly label: string;
  /** Every scope there is, and how it is called. */
  readonly names: Readonly<Record<S, string>>;
  readonly scopes: readonly S[];
  readonly fault?: string | null;
  readonly onChange: (scopes: readonly S[]) => void;
}

/** What a key may do. */
export function ScopesField<S extends string>({ label, names, scopes, fault, onChange }: Props<S>) {
  const all = Object.keys(names) as S[];
  return (
    <Group label={label} fault={fault}>
      <div class="checks">
        {all.map((scope) => (
          <Check
            key={scope}
            label={names[scope]}
            checked={scopes.includes(scope)}
            onInput={(has) => { onChange(all.filter((other) => (other === scope ? has : scopes.includes(other)))); }}
          />
        ))}
      </div>
    </Group>
  );
}
