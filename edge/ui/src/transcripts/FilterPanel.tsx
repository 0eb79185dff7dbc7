import { Button } from "../parts/Button";
import { Select, TextField } from "../parts/Field";
import { languages } from "../parts/languages";
import { transcripts } from "../text/transcripts";
import { type Filters, isFiltered, NO_FILTERS } from "./question";

interface Props {
  readonly filters: Filters;
  readonly onChange: (filters: Filters) => void;
}

const LANGUAGES = [{ value: "", label: transcripts.anyLanguage }, ...languages];
/** What the API takes. */
const LONGEST_SEARCH = 200;

/** What is looked for among the kept transcripts. */
export function FilterPanel({ filters, onChange }: Props) {
  const set = (name: keyof Filters) => (value: string): void => { onChange({ ...filters, [name]: value }); };
  const { search, language, from, until } = filters;
  return (
    <search class="panel stack filters" aria-label={transcripts.filters}>
      <TextField type="search" label={transcripts.search} hint={transcripts.searchHint} maxLength={LONGEST_SEARCH} value={search} onInput={set("search")} />
      <div class="fields">
        <Select label={transcripts.language} value={language} options={LANGUAGES} onInput={set("language")} />
        <TextField type="date" label={transcripts.from} value={from} {...(until !== "" && { max: until })} onInput={set("from")} />
        <TextField type="date" label={transcripts.until} value={until} {...(from !== "" && { min: from })} onInput={set("until")} />
      </div>
      <div class="actions">
        <Button small kind="quiet" disabled={!isFiltered(filters)} onClick={() => { onChange(NO_FILTERS); }}>{transcripts.clear}</Button>
      </div>
    </search>
  );
}
