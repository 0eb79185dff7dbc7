import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { ApiError } from "../api/errors";
import { common } from "../text/common";
import { explain } from "../text/errors";
import { Button } from "./Button";
import { Icon } from "./Icon";
import { Notice } from "./Notice";

interface Props {
  readonly error: ApiError;
  readonly onRetry?: () => void;
  readonly children?: ComponentChildren;
}

/** Whole seconds until the same request may be answered otherwise; 0: now. */
function useSecondsLeft(error: ApiError): number {
  const left = (): number => Math.ceil(error.waitMs / 1000);
  const [, setTick] = useState(0);
  const waits = left() > 0;
  useEffect(() => {
    if (!waits) return undefined;
    const timer = setInterval(() => { setTick((tick) => tick + 1); }, 250);
    return () => { clearInterval(timer); };
  }, [waits]);
  return left();
}

/** A failure in words, what can be done about it, and how long that is to wait. */
export function ErrorNotice({ error, onRetry, children }: Props) {
  const { title, detail, link } = explain(error);
  const left = useSecondsLeft(error);
  return (
    <Notice kind="danger" title={title} alert>
      <p>
        {detail}
        {link && <> <a href={link.href}>{link.text}</a></>}
      </p>
      {/* The clock is for eyes: a screen reader would be told of it every second. */}
      {left > 0 && <p aria-hidden="true" data-countdown={left}>{common.againIn(left)}</p>}
      {(onRetry !== undefined || children !== undefined) && (
        <div class="actions">
          {onRetry && (
            <Button small disabled={left > 0} onClick={onRetry}>
              <Icon name="again" size={16} />
              {common.tryAgain}
            </Button>
          )}
          {children}
        </div>
      )}
      {error.requestId && <p class="soft small-text">{common.requestId(error.requestId)}</p>}
    </Notice>
  );
}
