import { useRef, useState } from "preact/hooks";
import { Idempotency } from "../api/idempotency";
import { common } from "../text/common";
import { rotateText } from "../text/rotate";
import { Button } from "./Button";
import { Dialog } from "./Dialog";
import { ErrorNotice } from "./ErrorNotice";
import { Select } from "./Field";
import { optionsOf } from "./options";
import { useAct } from "./useAct";

type Overlap = keyof typeof rotateText.overlaps;
const OVERLAPS = optionsOf(rotateText.overlaps);

interface Props {
  /** Asks for it: the new key. */
  readonly rotate: (body: { readonly overlap_seconds: number }, headers: Readonly<Record<string, string>>) => Promise<string>;
  readonly onRotated: (key: string) => void;
  readonly onClose: () => void;
}

/** Gives a key another secret, and asks how long the old one is to work still. */
export function RotateDialog({ rotate, onRotated, onClose }: Props) {
  const [overlap, setOverlap] = useState<Overlap>("3600");
  const { isBusy, error, act } = useAct();
  const idempotency = useRef(new Idempotency());
  const ask = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const body = { overlap_seconds: Number(overlap) };
    let key = "";
    if (!(await act(async () => { key = await rotate(body, idempotency.current.headers(body)); }))) return;
    // The dialog gives the focus back before the key takes it.
    onClose();
    onRotated(key);
  };
  return (
    <Dialog title={rotateText.title} onClose={onClose}>
      <form class="stack" onSubmit={(event) => void ask(event)}>
        <p class="soft">{rotateText.lead}</p>
        <Select label={rotateText.overlap} value={overlap} options={OVERLAPS} onInput={setOverlap} />
        {error && <ErrorNotice error={error} />}
        <div class="actions">
          <Button onClick={onClose}>{common.cancel}</Button>
          <Button type="submit" kind="primary" busy={isBusy}>{rotateText.rotate}</Button>
        </div>
      </form>
    </Dialog>
  );
}
