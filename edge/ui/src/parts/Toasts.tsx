import { store, useStore } from "./store";

interface Toast {
  readonly id: number;
  readonly text: string;
}

/** How long one is seen: long enough to be read. */
const SEEN_MS = 5000;

const toasts = store<readonly Toast[]>([]);
let last = 0;

/** Says something that has happened, to eyes and to screen readers. What must not be missed belongs in a notice. */
export function say(text: string): void {
  const toast = { id: (last += 1), text };
  toasts.set([...toasts.get(), toast].slice(-3));
  setTimeout(() => {
    toasts.set(toasts.get().filter((other) => other.id !== toast.id));
  }, SEEN_MS);
}

export function Toasts() {
  const shown = useStore(toasts);
  // Always there: a screen reader only tells of what changes in a region that it knows.
  return (
    <div class="toasts" role="status" aria-live="polite">
      {shown.map(({ id, text }) => (
        <p key={id} class="toast">{text}</p>
      ))}
    </div>
  );
}
