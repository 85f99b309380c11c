// Names of a cluster and of its Services, from which those of everything else are made. Pure.

/** A cluster as the server has it: with namespace and UID. */
export interface Identity {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
}

export const headlessName = (cluster: string): string => `${cluster}-peers`;
export const clientName = (cluster: string): string => `${cluster}-client`;
