// What a case is.
import type { BodyName } from "./body.ts";
import type { Kube } from "./kube.ts";
import type { OperatorRelease } from "./operator-release.ts";
import type { Site } from "./site.ts";

export interface CaseContext {
  readonly kube: Kube;
  readonly operator: OperatorRelease;
  /** The namespace, which is there and empty. */
  readonly namespace: string;
}

/** What is known of a case before it runs, wherever that is. */
export interface CaseInfo {
  readonly name: string;
  /** One line for docs/e2e.md. */
  readonly what: string;
  /** Runs alone, for it takes the operator away from all others. */
  readonly isAlone?: boolean;
  /** Has an operator of its own: runs beside others of the kind, while the one that helm made is away. */
  readonly hasOwnOperator?: boolean;
  /** Waits for minutes and the like: begun first, so that the others are done beside it. */
  readonly isLong?: boolean;
  /** Part of `npm run e2e:core`. */
  readonly isCore?: boolean;
  /** The bodies that can have it, if not all. */
  readonly bodies?: readonly BodyName[];
  /** Why it cannot be had here, as for want of a program: then it is left out, unless it is asked for by name. */
  unavailable?(): Promise<string | undefined>;
}

/** A case on Kubernetes. */
export interface Case extends CaseInfo {
  run(context: CaseContext): Promise<void>;
}

/** A case that needs no Kubernetes, in a site that is empty. */
export interface SiteCase extends CaseInfo {
  runAt(site: Site): Promise<void>;
}
