// Preact has this in its React layer alone, which is larger than all else that is shared here.
import { Component, type ComponentType, type FunctionComponent, h, type RenderableProps } from "preact";

/** The component, drawn again only where `isSame` says no. */
export function memo<P extends object>(component: FunctionComponent<P>, isSame: (before: P, after: P) => boolean): ComponentType<P> {
  return class Memo extends Component<P> {
    override shouldComponentUpdate(next: P): boolean {
      return !isSame(this.props, next);
    }

    override render(props: RenderableProps<P>) {
      return h(component, props as P & RenderableProps<P>);
    }
  };
}
