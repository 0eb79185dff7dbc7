import type { ComponentChildren } from "preact";
import { useId, useLayoutEffect, useRef } from "preact/hooks";
import { rememberFocus } from "./rememberFocus";

interface Props {
  readonly title: ComponentChildren;
  readonly onClose: () => void;
  readonly children: ComponentChildren;
}

/**
 * A question that is to be answered first. It is open as long as it is drawn; the browser keeps the focus inside,
 * closes it by Escape, and gives the focus back to where it was.
 */
export function Dialog({ title, onClose, children }: Props) {
  const element = useRef<HTMLDialogElement>(null);
  const id = useId();
  useLayoutEffect(() => {
    const dialog = element.current;
    const giveBack = rememberFocus();
    dialog?.showModal();
    return () => {
      // Nothing outside takes the focus while it is open.
      dialog?.close();
      // It is taken away at once, before the browser does this.
      giveBack();
    };
  }, []);
  return (
    <dialog ref={element} class="dialog" aria-labelledby={id} onCancel={(event) => { event.preventDefault(); onClose(); }}>
      <h2 id={id}>{title}</h2>
      <div class="stack">{children}</div>
    </dialog>
  );
}
