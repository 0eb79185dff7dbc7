// Light or dark: as the system has it, until somebody chooses. public/theme.js applies a choice before the first drawing.
import { store } from "./store";

export type Look = "light" | "dark";

const NAME = "whisper-edge.look";
const system = matchMedia("(prefers-color-scheme: dark)");

const current = (): Look => {
  const chosen = document.documentElement.dataset.look;
  if (chosen === "light" || chosen === "dark") return chosen;
  return system.matches ? "dark" : "light";
};

export const look = store<Look>(current());

system.addEventListener("change", () => {
  look.set(current());
});

export function chooseLook(chosen: Look): void {
  document.documentElement.dataset.look = chosen;
  try {
    localStorage.setItem(NAME, chosen);
  } catch {
    // It holds for this page at least.
  }
  look.set(chosen);
}
