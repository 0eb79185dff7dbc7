import type { ButtonHTMLAttributes, ComponentChildren } from "preact";

export type Kind = "primary" | "danger" | "quiet";

interface Props extends Omit<ButtonHTMLAttributes, "size" | "class" | "type"> {
  readonly kind?: Kind;
  readonly small?: boolean;
  /** Of an icon alone; it then needs an `aria-label`. */
  readonly square?: boolean;
  readonly type?: "button" | "submit";
  readonly children: ComponentChildren;
}

/** How a button, or a link that looks like one, is called in look/parts.css. */
export const buttonClass = (kind?: Kind, small = false, square = false): string =>
  ["button", kind, small && "small", square && "square"].filter(Boolean).join(" ");

export function Button({ kind, small, square, type = "button", children, ...rest }: Props) {
  return (
    <button type={type} class={buttonClass(kind, small, square)} {...rest}>
      {children}
    </button>
  );
}
