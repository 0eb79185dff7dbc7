import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { common } from "../text/common";
import { Button } from "./Button";
import { Dialog } from "./Dialog";
import { ErrorNotice } from "./ErrorNotice";
import { TextField } from "./Field";
import { useAct } from "./useAct";

interface Props {
  readonly title: ComponentChildren;
  /** What the button says that does it. */
  readonly label: string;
  /** What the one says that leaves all as it is. */
  readonly leave?: string;
  /** What is to be typed first, and what is said to ask for it: for what can't be taken back and is much. */
  readonly typed?: { readonly word: string; readonly label: string };
  /** It closes itself when this went well. */
  readonly onConfirm: () => Promise<void>;
  readonly onClose: () => void;
  readonly children?: ComponentChildren;
}

/** Asks before something is done that can't be taken back. */
export function Confirm({ title, label, leave = common.cancel, typed, onConfirm, onClose, children }: Props) {
  const { isBusy, error, act } = useAct();
  const [text, setText] = useState("");
  const confirm = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    if (await act(onConfirm)) onClose();
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <form class="stack" onSubmit={(event) => void confirm(event)}>
        {children}
        {typed && <TextField label={typed.label} value={text} onInput={setText} autocomplete="off" spellcheck={false} />}
        {error && <ErrorNotice error={error} />}
        <div class="actions">
          <Button onClick={onClose}>{leave}</Button>
          <Button type="submit" kind="danger" busy={isBusy} disabled={typed !== undefined && text !== typed.word}>{label}</Button>
        </div>
      </form>
    </Dialog>
  );
}
