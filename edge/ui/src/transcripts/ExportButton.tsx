import { useEffect, useRef, useState } from "preact/hooks";
import { send } from "../api/client";
import { ApiError, asApiError, isAbort } from "../api/errors";
import { Button } from "../parts/Button";
import { Dialog } from "../parts/Dialog";
import { ErrorNotice } from "../parts/ErrorNotice";
import { Icon } from "../parts/Icon";
import { Progress } from "../parts/Progress";
import { save } from "../parts/save";
import { bytes, common } from "../text/common";
import { transcripts } from "../text/transcripts";

/** Saves all that is kept as one file; one that broke off is not saved. */
export function ExportButton({ apiKey }: { readonly apiKey: string }) {
  const [come, setCome] = useState<number | null>(null);
  const [error, setError] = useState<ApiError | null>(null);
  const current = useRef<AbortController | null>(null);
  useEffect(() => () => current.current?.abort(), []);

  const run = async (): Promise<void> => {
    const controller = new AbortController();
    current.current = controller;
    setCome(0);
    setError(null);
    try {
      save("transcripts.ndjson", "application/x-ndjson", ...(await read(apiKey, controller.signal, setCome)));
      setCome(null);
    } catch (failure) {
      if (isAbort(failure)) setCome(null);
      else setError(asApiError(failure));
    }
  };
  const close = (): void => {
    current.current?.abort();
    setCome(null);
  };
  return (
    <>
      <Button small onClick={() => void run()}><Icon name="download" size={16} />{transcripts.exportAll}</Button>
      {come !== null && (
        <Dialog title={transcripts.exportAll} onClose={close}>
          <p class="soft">{transcripts.exportLead}</p>
          {error ? <ErrorNotice error={error} onRetry={() => void run()} /> : <Progress label={transcripts.exporting} value={null} detail={bytes(come)} />}
          <div class="actions"><Button onClick={close}>{error ? common.close : common.cancel}</Button></div>
        </Dialog>
      )}
    </>
  );
}

async function read(key: string, signal: AbortSignal, tell: (bytes: number) => void): Promise<Uint8Array<ArrayBuffer>[]> {
  const answer = await send("get", "/v1/transcripts/export", { key, signal });
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let length = 0;
  try {
    for await (const chunk of answer.body ?? []) {
      chunks.push(chunk);
      length += chunk.length;
      tell(length);
    }
  } catch (error) {
    throw error instanceof TypeError ? ApiError.lost() : error;
  }
  return chunks;
}
