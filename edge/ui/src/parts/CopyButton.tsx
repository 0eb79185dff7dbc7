import { useEffect, useState } from "preact/hooks";
import { common } from "../text/common";
import { Button, type Kind } from "./Button";
import { Icon } from "./Icon";
import { say } from "./Toasts";

interface Props {
  readonly text: string;
  /** What is copied, for the name of the button: "Copy the code". */
  readonly label: string;
  readonly small?: boolean;
  readonly kind?: Kind;
}

const SHOWN_MS = 2000;

export function CopyButton({ text, label, small = true, kind }: Props) {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return undefined;
    const timer = setTimeout(() => { setCopied(false); }, SHOWN_MS);
    return () => { clearTimeout(timer); };
  }, [copied]);
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(text);
      setCopied(true);
      say(common.copied);
    } catch {
      // The browser, or its user, does not allow it.
      say(common.notCopied);
    }
  };
  return (
    <Button small={small} {...(kind && { kind })} onClick={() => void copy()}>
      <Icon name={copied ? "done" : "copy"} size={16} />
      {label}
    </Button>
  );
}
