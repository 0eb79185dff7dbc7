import type { ComponentChildren } from "preact";
import { useId, useRef } from "preact/hooks";
import type { Option } from "./options";

interface Props<T extends string> {
  readonly label: string;
  readonly tabs: readonly Option<T>[];
  readonly value: T;
  readonly onSelect: (value: T) => void;
  /** What belongs to the tab that is selected. */
  readonly children: ComponentChildren;
}

/** Tabs as ARIA's authoring practices describe them: one stop of the Tab key, arrows go from one to the next. */
export function Tabs<T extends string>({ label, tabs, value, onSelect, children }: Props<T>) {
  const id = useId();
  const list = useRef<HTMLDivElement>(null);
  const go = (event: KeyboardEvent): void => {
    const at = tabs.findIndex((tab) => tab.value === value);
    const targets: Record<string, number> = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: tabs.length - 1 };
    const target = targets[event.key];
    if (target === undefined) return;
    event.preventDefault();
    const index = (target + tabs.length) % tabs.length;
    const tab = tabs[index];
    if (!tab) return;
    onSelect(tab.value);
    list.current?.querySelectorAll<HTMLElement>("[role=tab]")[index]?.focus();
  };
  return (
    <div class="stack">
      <div ref={list} class="tabs" role="tablist" tabIndex={-1} aria-label={label} onKeyDown={go}>
        {tabs.map((tab) => (
          <button
            key={tab.value}
            type="button"
            role="tab"
            class="tab"
            id={`${id}-${tab.value}`}
            aria-selected={tab.value === value}
            aria-controls={`${id}-panel`}
            tabIndex={tab.value === value ? 0 : -1}
            onClick={() => { onSelect(tab.value); }}
          >
            {tab.label}
          </button>
        ))}
      </div>
      <div role="tabpanel" id={`${id}-panel`} aria-labelledby={`${id}-${value}`}>
        {children}
      </div>
    </div>
  );
}
