/** Remembers what has the focus; the answer gives it back there. */
export function rememberFocus(): () => void {
  const before = document.activeElement;
  return () => {
    if (before instanceof HTMLElement) before.focus();
  };
}
