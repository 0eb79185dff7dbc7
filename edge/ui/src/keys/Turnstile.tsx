import { useEffect, useRef, useState } from "preact/hooks";
import { Button } from "../parts/Button";
import { look } from "../parts/look";
import { Notice } from "../parts/Notice";
import { common } from "../text/common";
import { keys } from "../text/keys";

/** Where Cloudflare has it. The page's policy (public/_headers) lets it in on /keys alone; only this is loaded. */
const ADDRESS = "https://challenges.cloudflare.com/turnstile/v0/api.js?render=explicit";

interface Widget {
  readonly render: (
    place: HTMLElement,
    options: {
      readonly sitekey: string;
      readonly theme: "light" | "dark";
      readonly callback: (answer: string) => void;
      readonly "expired-callback": () => void;
      readonly "error-callback": () => void;
    },
  ) => string | undefined;
  readonly remove: (id: string) => void;
}

interface ScriptPolicy {
  readonly createScriptURL: (url: string) => string;
}

// TypeScript does not know these yet, and the first comes with the script.
interface Around {
  readonly turnstile?: Widget;
  readonly trustedTypes?: { readonly createPolicy: (name: string, rules: ScriptPolicy) => ScriptPolicy };
}
const around = globalThis as unknown as Around;

let policy: ScriptPolicy | null = null;

/** The only script from elsewhere that this page may load. */
function address(): string {
  const only = (url: string): string => {
    if (url !== ADDRESS) throw new TypeError("no script but the challenge's");
    return url;
  };
  policy ??= around.trustedTypes?.createPolicy("turnstile", { createScriptURL: only }) ?? { createScriptURL: only };
  return policy.createScriptURL(ADDRESS);
}

let loading: Promise<Widget> | null = null;

const load = (): Promise<Widget> =>
  (loading ??= new Promise<Widget>((resolve, reject) => {
    const script = document.createElement("script");
    const fail = (): void => {
      // The next try is a new one.
      loading = null;
      script.remove();
      reject(new Error("the challenge was not loaded"));
    };
    script.src = address();
    script.async = true;
    script.onerror = fail;
    script.onload = () => {
      if (around.turnstile) resolve(around.turnstile);
      else fail();
    };
    document.head.append(script);
  }));

interface Props {
  readonly siteKey: string;
  /** `null`: an answer that was given is good no longer. */
  readonly onAnswer: (answer: string | null) => void;
}

/** Cloudflare's challenge, which tells people from machines. */
export function Turnstile({ siteKey, onAnswer }: Props) {
  const place = useRef<HTMLDivElement>(null);
  const [isMissing, setMissing] = useState(false);
  const [attempt, setAttempt] = useState(0);
  useEffect(() => {
    let isGone = false;
    let shown: { readonly widget: Widget; readonly id: string } | null = null;
    setMissing(false);
    load().then(
      (widget) => {
        if (isGone || !place.current) return;
        const none = (): void => { onAnswer(null); };
        const id = widget.render(place.current, { sitekey: siteKey, theme: look.get(), callback: onAnswer, "expired-callback": none, "error-callback": none });
        if (id !== undefined) shown = { widget, id };
      },
      () => { if (!isGone) setMissing(true); },
    );
    return () => {
      isGone = true;
      shown?.widget.remove(shown.id);
    };
  }, [siteKey, onAnswer, attempt]);
  return (
    <>
      <div ref={place} class="challenge" role="group" aria-label={keys.check} />
      {isMissing && (
        <Notice kind="danger" title={keys.checkFailed.title} alert>
          <p>{keys.checkFailed.detail}</p>
          <div class="actions"><Button small onClick={() => { setAttempt((times) => times + 1); }}>{common.tryAgain}</Button></div>
        </Notice>
      )}
    </>
  );
}
