import { Button } from "../parts/Button";
import { Check, Group, Select, TextField } from "../parts/Field";
import { Icon } from "../parts/Icon";
import { type Option, optionsOf } from "../parts/options";
import { limitsEditor as text } from "../text/admin";
import { type CreditsDraft, type LimitDraft, newLimit } from "./limits";

const KINDS = optionsOf(text.kinds);
const UNITS = optionsOf(text.units);
const PERIODS = optionsOf(text.periods);
const MAX_LIMITS = 16;

interface Props {
  readonly label?: string;
  readonly hint?: string;
  readonly limits: readonly LimitDraft[];
  readonly fault: string | null;
  readonly onChange: (limits: readonly LimitDraft[]) => void;
}

/** Limits, one row each. */
export function LimitsEditor({ label = text.limits, hint, limits, fault, onChange }: Props) {
  return (
    <Group label={label} hint={hint} fault={fault}>
      {limits.length === 0 && <p class="soft small-text">{text.none}</p>}
      {limits.map((limit) => (
        <Row
          key={limit.at}
          limit={limit}
          onChange={(to) => { onChange(limits.map((other) => (other.at === to.at ? to : other))); }}
          onRemove={() => { onChange(limits.filter((other) => other.at !== limit.at)); }}
        />
      ))}
      <div class="actions">
        <Button small disabled={limits.length >= MAX_LIMITS} onClick={() => { onChange([...limits, newLimit()]); }}>{text.add}</Button>
      </div>
    </Group>
  );
}

interface RowProps {
  readonly limit: LimitDraft;
  readonly onChange: (limit: LimitDraft) => void;
  readonly onRemove: () => void;
}

function Row({ limit, onChange, onRemove }: RowProps) {
  const set = <K extends keyof LimitDraft>(name: K) => (value: LimitDraft[K]): void => { onChange({ ...limit, [name]: value }); };
  const { name, kind, unit, most, window, period } = limit;
  return (
    <div class="limit-row">
      <TextField label={text.name} value={name} required maxLength={32} autocomplete="off" spellcheck={false} onInput={set("name")} />
      <Select label={text.kind} value={kind} options={KINDS} onInput={set("kind")} />
      <TextField label={text.most} type="number" min={1} max={1_000_000_000} required value={most} onInput={set("most")} />
      {kind !== "concurrency" && <Select label={text.unit} value={unit} options={UNITS} onInput={set("unit")} />}
      {kind === "rate" && <TextField label={text.window} type="number" min={1} max={2_678_400} required value={window} onInput={set("window")} />}
      {kind === "quota" && <Select label={text.period} value={period} options={PERIODS} onInput={set("period")} />}
      <Button
        kind="quiet"
        small
        square
        aria-label={text.remove(name)}
        title={text.remove(name)}
        onClick={({ currentTarget }) => {
          // This button goes with its row: the one below the rows stays.
          currentTarget.closest("fieldset")?.querySelector<HTMLElement>(".actions > button")?.focus();
          onRemove();
        }}
      >
        <Icon name="close" size={16} />
      </Button>
    </div>
  );
}

const REFILLS: readonly Option<CreditsDraft["refill"]>[] = [{ value: "", label: text.noRefill }, ...optionsOf(text.refillEach)];

interface CreditsProps {
  readonly credits: CreditsDraft;
  readonly label?: string;
  readonly hint?: string | undefined;
  readonly fault: string | null;
  readonly onChange: (credits: CreditsDraft) => void;
}

/** Whether credits are counted, and how they are filled up. */
export function CreditsEditor({ credits, label = text.countCredits, hint, fault, onChange }: CreditsProps) {
  const { isCounted, balance, refill, amount } = credits;
  const set = <K extends keyof CreditsDraft>(name: K) => (value: CreditsDraft[K]): void => { onChange({ ...credits, [name]: value }); };
  return (
    <div class="stack">
      <Check label={label} hint={hint} fault={fault} checked={isCounted} onInput={set("isCounted")} />
      {isCounted && (
        <div class="fields">
          <TextField label={text.balance} type="number" min={0} max={1_000_000_000} required value={balance} onInput={set("balance")} />
          <Select label={text.refill} value={refill} options={REFILLS} onInput={set("refill")} />
          {refill !== "" && <TextField label={text.refillTo} type="number" min={1} max={1_000_000_000} required value={amount} onInput={set("amount")} />}
        </div>
      )}
    </div>
  );
}
