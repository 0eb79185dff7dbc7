import { useRef, useState } from "preact/hooks";
import { call } from "../api/client";
import { Idempotency } from "../api/idempotency";
import { Button } from "../parts/Button";
import { Dialog } from "../parts/Dialog";
import { Select, TextField } from "../parts/Field";
import { say } from "../parts/Toasts";
import { useAct } from "../parts/useAct";
import { admin, keysText } from "../text/admin";
import { common } from "../text/common";
import { useRootKey } from "./rootKey";
import { Failure } from "./Section";

interface Props {
  readonly id: string;
  readonly left: number | null;
  readonly onDone: () => void;
  readonly onClose: () => void;
}

type How = "add" | "set";
const HOW: readonly { value: How; label: string }[] = [{ value: "add", label: keysText.creditsAdd }, { value: "set", label: keysText.creditsSet }];

/** Adds credits to a key, or sets them. What is added is added once, however often it has to be sent. */
export function CreditsDialog({ id, left, onDone, onClose }: Props) {
  const root = useRootKey();
  const [how, setHow] = useState<How>("add");
  const [amount, setAmount] = useState("100");
  const { isBusy, error, act } = useAct();
  const idempotency = useRef(new Idempotency());
  const change = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const body = how === "add" ? { add: Number(amount) } : { set: Number(amount) };
    const isDone = await act(async () => {
      const { credits_left: now } = await call("post", "/admin/keys/{id}/credits", { key: root, path: { id }, body, headers: idempotency.current.headers(body) });
      say(keysText.creditsNow(now));
    });
    if (isDone) onDone();
  };
  return (
    <Dialog title={keysText.creditsTitle} onClose={onClose}>
      <form class="stack" onSubmit={(event) => void change(event)}>
        {left !== null && <p class="soft">{keysText.creditsNow(left)}</p>}
        <div class="fields">
          <Select label={keysText.creditsHow} value={how} options={HOW} onInput={setHow} />
          <TextField label={keysText.creditsAmount} type="number" min={0} max={1_000_000_000} required value={amount} onInput={setAmount} />
        </div>
        <Failure error={error} scope="admin:keys" />
        <div class="actions">
          <Button onClick={onClose}>{common.cancel}</Button>
          <Button type="submit" kind="primary" busy={isBusy}>{admin.save}</Button>
        </div>
      </form>
    </Dialog>
  );
}
