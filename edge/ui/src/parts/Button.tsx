import type { ButtonHTMLAttributes, ComponentChildren } from "preact";

export type Kind = "primary" | "danger" | "quiet";

interface Props extends Omit<ButtonHTMLAttributes, "size" | "class" | "type" | "aria-disabled"> {
  readonly kind?: Kind;
  readonly small?: boolean;
  /** Of an icon alone; it then needs an `aria-label`. */
  readonly square?: boolean;
  /** What it does is under way. It does nothing meanwhile, and keeps the focus, which a disabled button loses. */
  readonly busy?: boolean;
  readonly type?: "button" | "submit";
  readonly children: ComponentChildren;
}

/** How a button, or a link that looks like one, is called in look/parts.css. */
export const buttonClass = (kind?: Kind, small = false, square = false): string =>
  ["button", kind, small && "small", square && "square"].filter(Boolean).join(" ");

export function Button({ kind, small, square, busy = false, type = "button", children, onClick, ...rest }: Props) {
  const click = busy ? ignore : onClick;
  return (
    <button type={type} class={buttonClass(kind, small, square)} {...rest} {...(busy && { "aria-disabled": true })} {...(click && { onClick: click })}>
      {children}
    </button>
  );
}

const ignore = (event: Event): void => { event.preventDefault(); };
