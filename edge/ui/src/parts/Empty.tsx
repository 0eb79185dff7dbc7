import type { ComponentChildren } from "preact";
import { Icon, type IconName } from "./Icon";

interface Props {
  readonly icon: IconName;
  readonly title: string;
  readonly children?: ComponentChildren;
}

/** What stands where nothing is yet, and what can be done about it. */
export function Empty({ icon, title, children }: Props) {
  return (
    <div class="empty">
      <Icon name={icon} size={32} />
      <h3>{title}</h3>
      {children}
    </div>
  );
}
