// Puts a page in its place, with the look that all of them share.
import { type ComponentChild, render } from "preact";
import "../look/tokens.css";
import "../look/base.css";
import "../look/frame.css";
import "../look/parts.css";

export function mount(page: ComponentChild): void {
  const place = document.getElementById("page");
  if (place) render(page, place);
}
