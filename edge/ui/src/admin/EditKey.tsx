import { useState } from "preact/hooks";
import { call } from "../api/client";
import type { components } from "../api/schema";
import { Button } from "../parts/Button";
import { say } from "../parts/Toasts";
import { useAct } from "../parts/useAct";
import { admin, keysText } from "../text/admin";
import { common } from "../text/common";
import { bodyOf, draftOf, KeyFields, metadataOf } from "./KeyFields";
import { useRootKey } from "./rootKey";
import { Failure } from "./Section";

interface Props {
  /** The key as it was when its change began. */
  readonly of: components["schemas"]["KeyDetail"];
  readonly onDone: () => void;
  readonly onCancel: () => void;
}

/** Changes a key: only what was changed is sent, and only if nobody else changed it meanwhile. */
export function EditKey({ of, onDone, onCancel }: Props) {
  const root = useRootKey();
  const [draft, setDraft] = useState(() => draftOf(of));
  const { isBusy, error, act } = useAct();
  const save = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    if (metadataOf(draft.metadata) === undefined) return;
    const was = new Map<string, unknown>(Object.entries(bodyOf(draftOf(of))));
    const changed = Object.entries(bodyOf(draft)).filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(was.get(name)));
    const body = { ...Object.fromEntries(changed), version: of.version };
    const isDone = await act(async () => {
      if (changed.length > 0) await call("patch", "/admin/keys/{id}", { key: root, path: { id: of.id }, body });
      say(admin.saved);
    });
    if (isDone) onDone();
  };
  return (
    <form class="panel stack" aria-label={keysText.editTitle(of.name)} onSubmit={(event) => void save(event)}>
      <KeyFields draft={draft} onChange={setDraft} />
      <Failure error={error} scope="admin:keys" />
      <div class="actions">
        <Button type="submit" kind="primary" disabled={isBusy}>{admin.save}</Button>
        <Button onClick={onCancel}>{common.cancel}</Button>
      </div>
    </form>
  );
}
