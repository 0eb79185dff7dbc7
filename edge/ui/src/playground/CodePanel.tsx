import { useState } from "preact/hooks";
import { CopyButton } from "../parts/CopyButton";
import { Tabs } from "../parts/Tabs";
import { playground } from "../text/playground";
import { CODE_LANGUAGES, type CodeLanguage, codeOf } from "./code";
import { requestOf } from "./request";
import type { Settings } from "./settings";

interface Props {
  readonly settings: Settings;
  readonly fileName: string;
}

/** Exactly this request, as code. */
export function CodePanel({ settings, fileName }: Props) {
  const [language, setLanguage] = useState<CodeLanguage>("curl");
  const code = codeOf(language, location.origin, requestOf(settings), fileName);
  return (
    <section class="panel stack" aria-label={playground.code}>
      <div class="result-head">
        <div>
          <h2>{playground.code}</h2>
          <p class="soft small-text">{playground.codeLead}</p>
        </div>
        <CopyButton text={code} label={playground.copyCode} />
      </div>
      <Tabs label={playground.codeLanguages} tabs={CODE_LANGUAGES} value={language} onSelect={setLanguage}>
        <div class="code">
          {/* eslint-disable-next-line jsx-a11y-x/no-noninteractive-tabindex -- what scrolls must be reached by keyboard (WCAG 2.1.1) */}
          <pre tabIndex={0} role="region" aria-label={playground.codeText}><code>{code}</code></pre>
        </div>
      </Tabs>
    </section>
  );
}
