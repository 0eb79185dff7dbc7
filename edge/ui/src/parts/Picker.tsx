import { useRef } from "preact/hooks";
import { buttonClass } from "./Button";
import { Icon } from "./Icon";

interface Props {
  readonly label: string;
  readonly onFile: (file: File) => void;
}

/** The browser's own choice of files, looking like a button. */
export function Picker({ label, onFile }: Props) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <label class={`${buttonClass()} picker`}>
      <Icon name="upload" size={18} />
      {label}
      <input
        ref={input}
        class="unseen"
        type="file"
        accept="audio/*,video/mp4,video/webm,.flac,.mp3,.mp4,.mpeg,.mpga,.m4a,.ogg,.opus,.wav,.webm"
        onChange={(event) => {
          const chosen = event.currentTarget.files?.[0];
          if (chosen) onFile(chosen);
          // The same file can be chosen again.
          event.currentTarget.value = "";
        }}
      />
    </label>
  );
}
