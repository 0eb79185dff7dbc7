import { useState } from "preact/hooks";
import { call, text } from "../api/client";
import { type ApiError, asApiError } from "../api/errors";
import { Button } from "../parts/Button";
import { Confirm } from "../parts/Confirm";
import { CopyButton } from "../parts/CopyButton";
import { Empty } from "../parts/Empty";
import { ErrorNotice } from "../parts/ErrorNotice";
import { Icon } from "../parts/Icon";
import { nameWith, save } from "../parts/save";
import { ShareDialog } from "../parts/ShareDialog";
import { Skeleton } from "../parts/Skeleton";
import { say } from "../parts/Toasts";
import { transcripts } from "../text/transcripts";
import { About } from "./About";
import { close } from "./opened";
import { Heard } from "./Heard";
import { Segments } from "./Segments";
import type { Detail, Opened } from "./useTranscript";

interface Props {
  readonly opened: Opened;
  readonly apiKey: string;
  readonly onDeleted: (id: string) => void;
  /** Another number of links leads to it. */
  readonly onLinks: (id: string, links: number) => void;
}

/** One transcript, for reading, and what is done with it. */
export function OpenedPanel({ opened: { found, error, again, change }, apiKey, onDeleted, onLinks }: Props) {
  return (
    <section class="panel stack opened" aria-label={transcripts.opened} aria-busy={found === null && error === null}>
      <div class="opened-close"><Button small kind="quiet" onClick={close}>{transcripts.back}</Button></div>
      {error && <ErrorNotice error={error} onRetry={again} />}
      {!found && !error && <Skeleton lines={6} />}
      {found && (
        <>
          <About detail={found.detail} />
          <Uses
            key={found.id}
            detail={found.detail}
            apiKey={apiKey}
            onDeleted={onDeleted}
            onLinks={(links) => {
              change({ links });
              onLinks(found.id, links);
            }}
          />
          {found.segments.length === 0 ? (
            <Empty icon="speech" title={transcripts.silent} />
          ) : found.detail.has_audio ? (
            <Heard key={found.id} id={found.id} apiKey={apiKey} segments={found.segments} />
          ) : (
            <Segments segments={found.segments} />
          )}
        </>
      )}
    </section>
  );
}

/** What can be downloaded: how the file ends, and what the API calls it. */
const FORMATS = [
  { end: "txt", format: "text", type: "text/plain" },
  { end: "srt", format: "srt", type: "application/x-subrip" },
  { end: "vtt", format: "vtt", type: "text/vtt" },
  { end: "json", format: "verbose_json", type: "application/json" },
] as const;

interface UsesProps extends Pick<Props, "apiKey" | "onDeleted"> {
  readonly detail: Detail;
  readonly onLinks: (links: number) => void;
}

function Uses({ detail: { id, name, text: said, links }, apiKey, onDeleted, onLinks }: UsesProps) {
  const [asked, setAsked] = useState<"share" | "delete" | null>(null);
  const [error, setError] = useState<ApiError | null>(null);
  const done = (): void => { setAsked(null); };
  const download = async ({ end, format, type }: (typeof FORMATS)[number]): Promise<void> => {
    setError(null);
    try {
      const content = await text("/v1/transcripts/{id}", { key: apiKey, path: { id }, query: { format } });
      save(nameWith(name ?? transcripts.fileName, end), type, content);
    } catch (failure) {
      setError(asApiError(failure));
    }
  };
  const remove = async (): Promise<void> => {
    await call("delete", "/v1/transcripts/{id}", { key: apiKey, path: { id } });
    say(transcripts.deleted);
    onDeleted(id);
  };
  return (
    <div class="stack">
      <div class="actions">
        <CopyButton text={said} label={transcripts.copyText} />
        {FORMATS.map((format) => (
          <Button key={format.end} small aria-label={transcripts.download(format.end)} onClick={() => void download(format)}>
            <Icon name="download" size={16} />
            {format.end}
          </Button>
        ))}
        <Button small onClick={() => { setAsked("share"); }}><Icon name="link" size={16} />{transcripts.share}</Button>
        <Button small kind="quiet" onClick={() => { setAsked("delete"); }}><Icon name="close" size={16} />{transcripts.remove}</Button>
      </div>
      {error && <ErrorNotice error={error} />}
      {asked === "share" && (
        <ShareDialog id={id} apiKey={apiKey} onClose={done} onChange={(by) => { onLinks(by === "none" ? 0 : links + by); }} />
      )}
      {asked === "delete" && (
        <Confirm title={transcripts.removeTitle} label={transcripts.removeAction} leave={transcripts.removeLeave} onConfirm={remove} onClose={done}>
          <p><bdi class="asked-name">{name ?? transcripts.nameless}</bdi></p>
          <p class="soft">{transcripts.removeLead}</p>
        </Confirm>
      )}
    </div>
  );
}
