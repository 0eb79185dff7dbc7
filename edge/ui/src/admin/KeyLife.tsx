import type { ComponentChildren } from "preact";
import { useCallback, useState } from "preact/hooks";
import { call } from "../api/client";
import type { components } from "../api/schema";
import { Button, buttonClass } from "../parts/Button";
import { Confirm } from "../parts/Confirm";
import { hashOf } from "../parts/hash";
import { RotateDialog } from "../parts/RotateDialog";
import { Secret } from "../parts/Secret";
import { say } from "../parts/Toasts";
import { useAct } from "../parts/useAct";
import { useLoad } from "../parts/useLoad";
import { admin, keysText } from "../text/admin";
import { EditKey, EditRootKey } from "./EditKey";
import { useRootKey } from "./rootKey";
import { Failure, Section } from "./Section";

type KeyDetail = components["schemas"]["KeyDetail"];

const LIVE_MS = 5000;

/** Both kinds of key live the same life, at other paths. */
const KINDS = {
  keys: { path: "/admin/keys/{id}", rotate: "/admin/keys/{id}/rotate", scope: "admin:keys", Edit: EditKey, secret: keysText.theKey },
  "root-keys": { path: "/admin/root-keys/{id}", rotate: "/admin/root-keys/{id}/rotate", scope: "admin:*", Edit: EditRootKey, secret: keysText.theRootKey },
} as const;

interface Props {
  readonly kind: keyof typeof KINDS;
  readonly id: string;
  /** What else can be done with it. */
  readonly more?: (of: KeyDetail, onDone: () => void) => ComponentChildren;
  /** What is shown of it. */
  readonly children: (of: KeyDetail) => ComponentChildren;
}

/** A key, and every step of its life: changed, switched off and on, rotated, revoked. */
export function KeyLife({ kind, id, more, children }: Props) {
  const key = useRootKey();
  const { path, rotate, scope, Edit, secret } = KINDS[kind];
  const load = useCallback((signal: AbortSignal): Promise<KeyDetail> => call("get", path, { key, path: { id }, signal }), [key, path, id]);
  const { data, error, reload } = useLoad(load, LIVE_MS);
  const [open, setOpen] = useState<"rotate" | "revoke" | null>(null);
  const [edited, setEdited] = useState<KeyDetail | null>(null);
  const [shown, setShown] = useState<string | null>(null);
  const { isBusy, error: refused, act } = useAct();
  const close = (): void => { setOpen(null); };
  const flip = (enabled: boolean): void => {
    void act(async () => {
      await call("patch", path, { key, path: { id }, body: { enabled } });
      say(enabled ? keysText.switchedOn : keysText.switchedOff);
      reload();
    });
  };
  // What is shown may be some seconds old, older than what was just done here: a change begins with the key as it is. One that
  // is open goes on from what that was.
  const edit = (): void => {
    if (edited === null) void act(async () => { setEdited(await load(new AbortController().signal)); });
  };
  const revoke = async (): Promise<void> => {
    await call("delete", path, { key, path: { id } });
    say(keysText.revoked);
    setEdited(null);
    reload();
  };
  return (
    <Section title={data?.name ?? id} actions={<a class={buttonClass()} href={hashOf(kind)}>{admin.back}</a>}>
      <Failure error={error} scope={scope} onRetry={reload} />
      <Failure error={refused} scope={scope} />
      {shown !== null && <Secret title={keysText.rotated} label={secret} copyLabel={keysText.copyKey} value={shown} onDone={() => { setShown(null); }} />}
      {data && data.revoked_at == null && (
        <div class="actions">
          <Button busy={isBusy} onClick={edit}>{keysText.edit}</Button>
          <Button busy={isBusy} onClick={() => { flip(!data.enabled); }}>{data.enabled ? keysText.switchOff : keysText.switchOn}</Button>
          {more?.(data, reload)}
          <Button onClick={() => { setOpen("rotate"); }}>{keysText.rotate}</Button>
          <Button kind="danger" onClick={() => { setOpen("revoke"); }}>{keysText.revoke}</Button>
        </div>
      )}
      {edited && <Edit of={edited} onDone={() => { setEdited(null); reload(); }} onCancel={() => { setEdited(null); }} />}
      {data && children(data)}
      {open === "rotate" && (
        <RotateDialog
          rotate={async (body, headers) => (await call("post", rotate, { key, path: { id }, body, headers })).key}
          onRotated={(to) => { setShown(to); reload(); }}
          onClose={close}
        />
      )}
      {open === "revoke" && (
        <Confirm title={keysText.revokeTitle} label={keysText.revoke} onConfirm={revoke} onClose={close}><p>{keysText.revokeLead}</p></Confirm>
      )}
    </Section>
  );
}
