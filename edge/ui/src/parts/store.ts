// A value that several components look at, and that code outside of them may change.
import { useLayoutEffect, useState } from "preact/hooks";

export interface Store<T> {
  readonly get: () => T;
  readonly set: (value: T) => void;
  /** The answer ends it. */
  readonly subscribe: (listener: () => void) => () => void;
}

export function store<T>(value: T): Store<T> {
  const listeners = new Set<() => void>();
  return {
    get: () => value,
    set: (next) => {
      value = next;
      for (const listener of listeners) listener();
    },
    subscribe: (listener) => {
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },
  };
}

/** What a store holds; the component is drawn again when that changes. */
export function useStore<T>({ get, subscribe }: Pick<Store<T>, "get" | "subscribe">): T {
  const [value, setValue] = useState<T>(() => get());
  useLayoutEffect(() => {
    const look = (): void => {
      setValue(() => get());
    };
    // It may have changed since it was drawn.
    look();
    return subscribe(look);
  }, [get, subscribe]);
  return value;
}
