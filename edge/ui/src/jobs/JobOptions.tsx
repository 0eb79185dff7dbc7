import { Check, Select, TextArea } from "../parts/Field";
import { languages } from "../parts/languages";
import { jobs } from "../text/jobs";
import { type Settings, TASKS } from "./settings";

interface Props {
  readonly settings: Settings;
  /** Those that the key may use; empty: not known yet. */
  readonly models: readonly string[];
  readonly onChange: (settings: Settings) => void;
}

const LANGUAGES = [{ value: "", label: jobs.anyLanguage }, ...languages];
const TASK_OPTIONS = TASKS.map((value) => ({ value, label: jobs.tasks[value] }));

/** How a job is to be heard. */
export function JobOptions({ settings, models, onChange }: Props) {
  const set = <K extends keyof Settings>(name: K) => (value: Settings[K]): void => { onChange({ ...settings, [name]: value }); };
  // A model that was chosen with another key stays in sight, so that what is sent is what is seen.
  const offered = models.includes(settings.model) ? models : [settings.model, ...models];
  return (
    <div class="stack">
      <div class="fields">
        <Select
          label={jobs.model}
          value={settings.model}
          options={offered.map((value) => ({ value, label: value }))}
          {...(models.length === 0 && { hint: jobs.modelsUnknown })}
          onInput={set("model")}
        />
        <Select label={jobs.task} value={settings.task} options={TASK_OPTIONS} onInput={set("task")} />
        <Select label={jobs.language} value={settings.language} options={LANGUAGES} onInput={set("language")} />
      </div>
      <TextArea label={jobs.prompt} hint={jobs.promptHint} rows={2} maxLength={2048} value={settings.prompt} onInput={set("prompt")} />
      <Check label={jobs.keepAudio} hint={jobs.keepAudioHint} checked={settings.keepAudio} onInput={set("keepAudio")} />
    </div>
  );
}
