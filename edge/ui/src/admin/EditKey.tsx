import { useLayoutEffect, useState } from "preact/hooks";
import { call } from "../api/client";
import type { components } from "../api/schema";
import { rememberFocus } from "../parts/rememberFocus";
import { say } from "../parts/Toasts";
import { useAct } from "../parts/useAct";
import { admin, keysText } from "../text/admin";
import { changes, draftOf, patchOf, rootDraftOf, rootPatchOf } from "./drafts";
import { Form } from "./Form";
import { KeyFields, RootKeyFields } from "./KeyFields";
import { useRootKey } from "./rootKey";

type KeyDetail = components["schemas"]["KeyDetail"];

interface Props {
  /** The key as it was when its change began. */
  readonly of: KeyDetail;
  readonly onDone: () => void;
  readonly onCancel: () => void;
}

/** Changes a key. */
export function EditKey(props: Props) {
  const key = useRootKey();
  const { of: { id } } = props;
  const { draft, setDraft, form } = useEdit(props, draftOf, patchOf, (body) => call("patch", "/admin/keys/{id}", { key, path: { id }, body }));
  return <Form {...form} scope="admin:keys"><KeyFields isNew={false} draft={draft} error={form.error} onChange={setDraft} /></Form>;
}

/** Changes a root key. */
export function EditRootKey(props: Props) {
  const key = useRootKey();
  const { of: { id } } = props;
  const { draft, setDraft, form } = useEdit(props, rootDraftOf, rootPatchOf, (body) => call("patch", "/admin/root-keys/{id}", { key, path: { id }, body }));
  return <Form {...form} scope="admin:*"><RootKeyFields draft={draft} error={form.error} onChange={setDraft} /></Form>;
}

type Changed<B> = Partial<B> & { readonly version: number };

/** A change that is being typed: only what was changed is sent, and only if nobody else changed the key meanwhile. */
function useEdit<D extends object, B extends object>(
  { of, onDone, onCancel }: Props,
  draftOfKey: (of: KeyDetail) => D,
  bodyOf: (draft: D) => B,
  send: (body: Changed<B>) => Promise<unknown>,
) {
  const [draft, setDraft] = useState(() => draftOfKey(of));
  const { isBusy, error, act } = useAct();
  // The form takes it (Form.tsx), after this has looked where it was.
  useLayoutEffect(rememberFocus, []);
  const save = async (): Promise<void> => {
    const isDone = await act(async () => {
      const changed = changes(bodyOf(draftOfKey(of)), bodyOf(draft));
      if (changed) await send({ ...changed, version: of.version });
      say(admin.saved);
    });
    if (isDone) onDone();
  };
  const form = {
    label: keysText.editTitle(of.name),
    send: admin.save,
    isBusy,
    error,
    fields: Object.keys(draft),
    takesFocus: true,
    onSend: () => void save(),
    onCancel,
  };
  return { draft, setDraft, form };
}
