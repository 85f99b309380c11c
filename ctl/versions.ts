// The etcd whose behaviour the command lines have.

export const apiVersion = { etcd: "3.7.3", api: "3.7" } as const;
