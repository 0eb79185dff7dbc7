interface Props {
  /** What it is, for whoever comes upon it by keyboard. */
  readonly label: string;
  readonly value: unknown;
}

/** A value as JSON, which scrolls by itself where it is long. */
export function Json({ label, value }: Props) {
  return (
    // eslint-disable-next-line jsx-a11y-x/no-noninteractive-tabindex -- what scrolls must be reached by keyboard (WCAG 2.1.1)
    <pre class="notes" tabIndex={0} role="group" aria-label={label}><code>{JSON.stringify(value, null, 2)}</code></pre>
  );
}
