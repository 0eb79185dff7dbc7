import { useId } from "preact/hooks";

interface Props {
  readonly label: string;
  /** 0 to 1; `null`: nobody knows how far it is. */
  readonly value: number | null;
  /** What is said of it beside the label: "3.1 of 8.0 MB". */
  readonly detail?: string;
}

export function Progress({ label, value, detail = "" }: Props) {
  const id = useId();
  return (
    <div class="progress">
      <div class="progress-line">
        <label for={id}>{label}</label>
        <span>{detail}</span>
      </div>
      {value === null ? <progress id={id} /> : <progress id={id} max={1} value={value} />}
    </div>
  );
}
