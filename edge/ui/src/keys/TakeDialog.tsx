import { useRef, useState } from "preact/hooks";
import { Idempotency } from "../api/idempotency";
import { takeKey } from "../api/portal";
import { Button } from "../parts/Button";
import { Dialog } from "../parts/Dialog";
import { TextField } from "../parts/Field";
import { useAct } from "../parts/useAct";
import { common } from "../text/common";
import { keys } from "../text/keys";
import { Refusal } from "./Refusal";

interface Props {
  readonly plan: string;
  readonly guard: (what: () => Promise<void>) => Promise<void>;
  readonly onMade: (key: string) => void;
  readonly onClose: () => void;
}

/** Names a key, and makes it: once, also where its answer was lost and it is asked for again. */
export function TakeDialog({ plan, guard, onMade, onClose }: Props) {
  const [name, setName] = useState("");
  const { isBusy, error, act } = useAct();
  const idempotency = useRef(new Idempotency());
  const take = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const body = { name: name.trim(), plan };
    let key = "";
    const isDone = await act(() => guard(async () => { key = (await takeKey(body, idempotency.current.headers(body))).key ?? ""; }));
    if (!isDone) return;
    // The dialog gives the focus back before the key takes it.
    onClose();
    onMade(key);
  };
  return (
    <Dialog title={keys.take(plan)} onClose={onClose}>
      <form class="stack" onSubmit={(event) => void take(event)}>
        <TextField label={keys.name} hint={keys.nameHint} value={name} required maxLength={100} autocomplete="off" onInput={setName} />
        <Refusal error={error} />
        <div class="actions">
          <Button onClick={onClose}>{common.cancel}</Button>
          <Button type="submit" kind="primary" busy={isBusy}>{keys.get}</Button>
        </div>
      </form>
    </Dialog>
  );
}
