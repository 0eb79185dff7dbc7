import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { type ApiError, asApiError } from "../api/errors";
import { common } from "../text/common";
import { Button } from "./Button";
import { Dialog } from "./Dialog";
import { ErrorNotice } from "./ErrorNotice";

interface Props {
  readonly title: string;
  /** What is done where it is confirmed: "Delete". */
  readonly action: string;
  /** What leaves all as it is. */
  readonly leave?: string;
  /** Closes the dialog, or is thrown as what is told in it. */
  readonly onConfirm: () => Promise<void>;
  readonly onClose: () => void;
  readonly children: ComponentChildren;
}

/** Asks before something is done that can't be undone. */
export function ConfirmDialog({ title, action, leave = common.cancel, onConfirm, onClose, children }: Props) {
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);
  const confirm = async (): Promise<void> => {
    setBusy(true);
    setError(null);
    try {
      await onConfirm();
      onClose();
    } catch (failure) {
      setError(asApiError(failure));
      setBusy(false);
    }
  };
  return (
    <Dialog title={title} onClose={onClose}>
      {children}
      {error && <ErrorNotice error={error} />}
      <div class="actions">
        <Button disabled={isBusy} onClick={onClose}>{leave}</Button>
        <Button kind="danger" disabled={isBusy} onClick={() => void confirm()}>{action}</Button>
      </div>
    </Dialog>
  );
}
