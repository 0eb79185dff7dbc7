import type { ComponentChildren } from "preact";
import { useMemo } from "preact/hooks";

export interface Column<Row> {
  readonly key: string;
  readonly title: string;
  readonly numeric?: boolean;
  /** What can be done with a row: its title is for screen readers alone. */
  readonly isAction?: boolean;
  readonly cell: (row: Row) => ComponentChildren;
}

interface Props<Row> {
  /** What it is a table of, for screen readers. */
  readonly caption: string;
  /** The first column names its row. */
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  readonly keyOf: (row: Row) => string;
}

/** Rows that have an id are known by it. */
export const byId = ({ id }: { readonly id: string }): string => id;

/** A table that scrolls by itself where the page is too narrow for it. */
export function Table<Row>({ caption, columns, rows, keyOf }: Props<Row>) {
  // A hundred rows are felt: they are drawn anew where there are others, not with whatever changes around them.
  const body = useMemo(
    () =>
      rows.map((row) => (
        <tr key={keyOf(row)}>
          {columns.map(({ key, numeric, isAction, cell }, index) =>
            index === 0 ? <th key={key} scope="row">{cell(row)}</th> : <td key={key} class={numeric || isAction ? "number" : ""}>{cell(row)}</td>,
          )}
        </tr>
      )),
    [columns, rows, keyOf],
  );
  return (
    // eslint-disable-next-line jsx-a11y-x/no-noninteractive-tabindex -- what scrolls must be reached by keyboard (WCAG 2.1.1)
    <div class="table-scroll" role="region" aria-label={caption} tabIndex={0}>
      <table class="table">
        <caption class="unseen">{caption}</caption>
        <thead>
          <tr>
            {columns.map(({ key, title, numeric, isAction }) => (
              <th key={key} scope="col" class={numeric ? "number" : ""}>{isAction ? <span class="unseen">{title}</span> : title}</th>
            ))}
          </tr>
        </thead>
        <tbody>{body}</tbody>
      </table>
    </div>
  );
}
