// The root key that the sections ask with.
import { createContext } from "preact";
import { useContext } from "preact/hooks";

export const RootKey = createContext("");

export const useRootKey = (): string => useContext(RootKey);
