import { Check, Select, TextArea } from "../parts/Field";
import { playground } from "../text/playground";
import { languages } from "../parts/languages";
import { FORMATS, type Settings, TASKS } from "./settings";

interface Props {
  readonly settings: Settings;
  /** Those that the key may use; empty: not known yet. */
  readonly models: readonly string[];
  readonly onChange: (settings: Settings) => void;
}

const LANGUAGES = [{ value: "", label: playground.anyLanguage }, ...languages];
const TASK_OPTIONS = TASKS.map((value) => ({ value, label: playground.tasks[value] }));
const FORMAT_OPTIONS = FORMATS.map((value) => ({ value, label: playground.formats[value] }));

export function OptionsPanel({ settings, models, onChange }: Props) {
  const set = <K extends keyof Settings>(name: K) => (value: Settings[K]): void => { onChange({ ...settings, [name]: value }); };
  // A model that was chosen with another key stays in sight, so that what is sent is what is seen.
  const offered = models.includes(settings.model) ? models : [settings.model, ...models];
  return (
    <section class="panel" aria-label={playground.options}>
      <h2>{playground.options}</h2>
      <div class="stack">
        <div class="fields">
          <Select
            label={playground.model}
            value={settings.model}
            options={offered.map((value) => ({ value, label: value }))}
            {...(models.length === 0 && { hint: playground.modelsUnknown })}
            onInput={set("model")}
          />
          <Select label={playground.format} value={settings.format} options={FORMAT_OPTIONS} onInput={set("format")} />
          <Select label={playground.task} value={settings.task} options={TASK_OPTIONS} onInput={set("task")} />
          <Select label={playground.language} value={settings.language} options={LANGUAGES} onInput={set("language")} />
        </div>
        <TextArea label={playground.prompt} hint={playground.promptHint} rows={2} value={settings.prompt} onInput={set("prompt")} />
        <Check label={playground.store} hint={playground.storeHint} checked={settings.store} onInput={set("store")} />
      </div>
    </section>
  );
}
