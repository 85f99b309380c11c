// What a case is.
import type { Kube } from "./kube.ts";
import type { OperatorRelease } from "./operator-release.ts";

export interface CaseContext {
  readonly kube: Kube;
  readonly operator: OperatorRelease;
  /** The namespace, which is there and empty. */
  readonly namespace: string;
}

export interface Case {
  readonly name: string;
  /** One line for docs/e2e.md. */
  readonly what: string;
  /** Runs alone, for it takes the operator away from all others. */
  readonly isAlone?: boolean;
  /** Waits for minutes and the like: begun first, so that the others are done beside it. */
  readonly isLong?: boolean;
  /** Part of `npm run e2e:core`. */
  readonly isCore?: boolean;
  run(context: CaseContext): Promise<void>;
}
