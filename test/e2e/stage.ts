// Where the cases of a run happen, each in a place of its own.
export interface Stage {
  /** Runs a case, by its name, in an empty place; what it leaves there if it goes well is taken away. */
  run(name: string): Promise<void>;
  /** Does this while no operator but those of the cases themselves is at work. */
  withoutOperator(work: () => Promise<void>): Promise<void>;
  /** What is there after a case that failed, for whoever looks for its cause. */
  describe(name: string): Promise<string>;
  down(): Promise<void>;
}
