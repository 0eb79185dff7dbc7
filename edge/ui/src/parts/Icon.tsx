// Our own few, drawn as lines on a field of 20: they say nothing to a screen reader, what stands beside them does.
const SHAPES = {
  upload: "M10 13V3.5M6.5 7 10 3.5 13.5 7M3.5 13v2.5a1 1 0 0 0 1 1h11a1 1 0 0 0 1-1V13",
  download: "M10 3.5V13M6.5 9.5 10 13l3.5-3.5M3.5 13v2.5a1 1 0 0 0 1 1h11a1 1 0 0 0 1-1V13",
  microphone: "M10 2.5a2.5 2.5 0 0 1 2.5 2.5v5a2.5 2.5 0 0 1-5 0V5A2.5 2.5 0 0 1 10 2.5zM4.5 10a5.5 5.5 0 0 0 11 0M10 15.5v2",
  copy: "M7 7h8.5v9.5H7zM13 7V3.5H4.5V13H7",
  done: "m4 10.5 4 4 8-9",
  link: "M8.5 11.5a3 3 0 0 0 4.300 0l2.700-2.800a3 3 0 0 0-4.200-4.200L10 5.800M11.5 8.5a3 3 0 0 0-4.300 0l-2.700 2.800a3 3 0 0 0 4.200 4.200l1.300-1.300",
  play: "M6.5 4.5v11l9-5.5z",
  stop: "M5.5 5.5h9v9h-9z",
  close: "m5 5 10 10M15 5 5 15",
  again: "M16 10a6 6 0 1 1-1.800-4.300L16 7.5M16 3.5v4h-4",
  speech: "M4 8v4M7 5.5v9M10 3v14M13 6v8M16 8.5v3",
  sun: "M10 6.5a3.5 3.5 0 1 1 0 7 3.5 3.5 0 0 1 0-7zM10 2v1.5M10 16.5V18M2 10h1.5M16.5 10H18M4.300 4.300l1.100 1.100M14.600 14.600l1.100 1.100M4.300 15.700l1.100-1.100M14.600 5.400l1.100-1.100",
  moon: "M16.5 11.800A7 7 0 0 1 8.200 3.5a7 7 0 1 0 8.300 8.300z",
} as const;

export type IconName = keyof typeof SHAPES;

export function Icon({ name, size = 20 }: { readonly name: IconName; readonly size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 20 20" fill="none" stroke="currentColor" stroke-width="1.6" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">
      <path d={SHAPES[name]} />
    </svg>
  );
}
