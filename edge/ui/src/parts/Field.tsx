import type { ComponentChildren, InputHTMLAttributes, PartialInputHTMLAttributes, TextareaHTMLAttributes } from "preact";
import { useId } from "preact/hooks";
import type { Option } from "./options";

interface Shared {
  readonly label: string;
  readonly hint?: string | undefined;
  /** What is wrong with it. */
  readonly fault?: string | null | undefined;
}

interface Described {
  readonly id: string;
  readonly "aria-describedby"?: string;
  readonly "aria-invalid"?: true;
}

interface FrameProps extends Shared {
  readonly children: (control: Described) => ComponentChildren;
}

/** A label, the control, and what is to be said of it. */
function Frame({ label, hint, fault, children }: FrameProps) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children(described(id, hint, fault))}
      <Said id={id} hint={hint} fault={fault} />
    </div>
  );
}

type Said = Pick<Shared, "hint" | "fault">;

/** What a control needs for what is said of it to be read with it. */
function described(id: string, hint: Said["hint"], fault: Said["fault"]): Described {
  const said = [hint ? `${id}-hint` : null, fault ? `${id}-fault` : null].filter((part) => part !== null);
  return { id, ...(said.length > 0 && { "aria-describedby": said.join(" ") }), ...(fault && { "aria-invalid": true as const }) };
}

function Said({ id, hint, fault }: Said & { readonly id: string }) {
  return (
    <>
      {hint && <p class="field-hint" id={`${id}-hint`}>{hint}</p>}
      {fault && <p class="field-fault" id={`${id}-fault`} role="alert">{fault}</p>}
    </>
  );
}

/** What else may be said of a line of text. */
type Details = "autocomplete" | "disabled" | "inputMode" | "max" | "maxLength" | "min" | "onFocus" | "placeholder" | "readOnly" | "required" | "spellcheck" | "step";

interface TextProps extends Shared, Pick<PartialInputHTMLAttributes<HTMLInputElement>, Details> {
  readonly type?: "date" | "datetime-local" | "number" | "password" | "search" | "text" | "url";
  readonly value: string;
  readonly onInput: (value: string) => void;
}

/** A line of text. */
export function TextField({ label, hint, fault, value, onInput, ...rest }: TextProps) {
  // Preact's types tell inputs apart by their type, which is not known here; none of these makes a difference to them.
  const details = rest as InputHTMLAttributes;
  return (
    <Frame label={label} hint={hint} fault={fault}>
      {(control) => (
        <input class="input" {...details} {...control} value={value} onInput={(event) => { onInput(event.currentTarget.value); }} />
      )}
    </Frame>
  );
}

interface AreaProps extends Shared, Pick<TextareaHTMLAttributes, "disabled" | "maxLength" | "placeholder" | "rows" | "spellcheck"> {
  readonly value: string;
  readonly onInput: (value: string) => void;
}

/** Lines of text. */
export function TextArea({ label, hint, fault, value, onInput, ...rest }: AreaProps) {
  return (
    <Frame label={label} hint={hint} fault={fault}>
      {(control) => (
        <textarea class="input" {...rest} {...control} value={value} onInput={(event) => { onInput(event.currentTarget.value); }} />
      )}
    </Frame>
  );
}

interface SelectProps<T extends string> extends Shared {
  readonly value: T;
  readonly options: readonly Option<T>[];
  readonly onInput: (value: T) => void;
  readonly disabled?: boolean;
}

/** One of a few. */
export function Select<T extends string>({ label, hint, fault, value, options, onInput, disabled = false }: SelectProps<T>) {
  return (
    <Frame label={label} hint={hint} fault={fault}>
      {(control) => (
        <select
          class="input"
          {...control}
          value={value}
          disabled={disabled}
          onChange={(event) => {
            const chosen = options.find((option) => option.value === event.currentTarget.value);
            if (chosen) onInput(chosen.value);
          }}
        >
          {options.map((option) => (
            <option key={option.value} value={option.value}>{option.label}</option>
          ))}
        </select>
      )}
    </Frame>
  );
}

interface CheckProps extends Shared {
  readonly checked: boolean;
  readonly onInput: (checked: boolean) => void;
  readonly disabled?: boolean;
}

/** Yes or no. */
export function Check({ label, hint, fault, checked, onInput, disabled = false }: CheckProps) {
  const id = useId();
  return (
    <div class="check">
      <input
        type="checkbox"
        {...described(id, hint, fault)}
        checked={checked}
        disabled={disabled}
        onChange={(event) => { onInput(event.currentTarget.checked); }}
      />
      <label for={id}>{label}</label>
      <Said id={id} hint={hint} fault={fault} />
    </div>
  );
}

interface GroupProps extends Shared {
  readonly children: ComponentChildren;
}

/** Several fields with one name. */
export function Group({ label, hint, fault, children }: GroupProps) {
  const id = useId();
  const { "aria-describedby": by } = described(id, hint, fault);
  return (
    <fieldset class="group stack" {...(by !== undefined && { "aria-describedby": by })}>
      <legend>{label}</legend>
      {children}
      <Said id={id} hint={hint} fault={fault} />
    </fieldset>
  );
}
