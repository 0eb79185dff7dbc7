// What is said beside the bar of a limit.
export const limitBars = {
  used: (what: string): string => `${what} used`,
  underWay: (many: number): string => `${String(many)} under way`,
  again: (when: string): string => `more ${when}`,
} as const;
