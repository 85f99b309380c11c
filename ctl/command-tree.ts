// All commands of etcdctl, by group.
import type { CommandNode } from "#ctl/command.ts";
import type { Flag } from "#ctl/flags.ts";

const clusterFlag: Flag = {
  name: "cluster",
  kind: "bool",
  initial: false,
  usage: "every member of the cluster, not only those of --endpoints",
};

export interface CommandSection {
  readonly title: string;
  readonly nodes: readonly CommandNode[];
}

export const sections: readonly CommandSection[] = [
  {
    title: "Keys",
    nodes: [
      {
        name: "get",
        summary: "Reads a key or a range of keys",
        load: () => import("#ctl/commands/get.ts"),
      },
      { name: "put", summary: "Writes a key", load: () => import("#ctl/commands/put.ts") },
      {
        name: "del",
        summary: "Deletes a key or a range of keys",
        load: () => import("#ctl/commands/del.ts"),
      },
      {
        name: "txn",
        summary: "Compares, then carries out one of two lists of requests, all at once",
        load: () => import("#ctl/commands/txn.ts"),
      },
      {
        name: "watch",
        summary: "Shows changes as they happen",
        load: () => import("#ctl/commands/watch.ts"),
      },
      {
        name: "compaction",
        summary: "Drops history older than a revision",
        load: () => import("#ctl/commands/compaction.ts"),
      },
      {
        name: "lease",
        summary: "Leases: keys that vanish when nobody renews them",
        children: [
          {
            name: "grant",
            summary: "Makes a lease",
            load: () => import("#ctl/commands/lease-grant.ts"),
          },
          {
            name: "keep-alive",
            summary: "Renews a lease until interrupted",
            load: () => import("#ctl/commands/lease-keep-alive.ts"),
          },
          {
            name: "list",
            summary: "Lists all leases",
            load: () => import("#ctl/commands/lease-list.ts"),
          },
          {
            name: "revoke",
            summary: "Ends a lease and deletes its keys",
            load: () => import("#ctl/commands/lease-revoke.ts"),
          },
          {
            name: "timetolive",
            summary: "Shows what is left of a lease",
            load: () => import("#ctl/commands/lease-timetolive.ts"),
          },
        ],
      },
    ],
  },
  {
    title: "Cluster",
    nodes: [
      {
        name: "endpoint",
        summary: "Health, status and hashes of endpoints",
        flags: [clusterFlag],
        children: [
          {
            name: "hashkv",
            summary: "Shows the hash of the history of each endpoint",
            load: () => import("#ctl/commands/endpoint-hashkv.ts"),
          },
          {
            name: "health",
            summary: "Checks that each endpoint can commit",
            load: () => import("#ctl/commands/endpoint-health.ts"),
          },
          {
            name: "status",
            summary: "Shows version, size, role and Raft position of each endpoint",
            load: () => import("#ctl/commands/endpoint-status.ts"),
          },
        ],
      },
      {
        name: "member",
        summary: "Members of the cluster",
        children: [
          {
            name: "add",
            summary: "Adds a member",
            load: () => import("#ctl/commands/member-add.ts"),
          },
          {
            name: "list",
            summary: "Lists all members",
            load: () => import("#ctl/commands/member-list.ts"),
          },
          {
            name: "promote",
            summary: "Makes a learner a voting member",
            load: () => import("#ctl/commands/member-promote.ts"),
          },
          {
            name: "remove",
            summary: "Removes a member",
            load: () => import("#ctl/commands/member-remove.ts"),
          },
          {
            name: "update",
            summary: "Changes the peer URLs of a member",
            load: () => import("#ctl/commands/member-update.ts"),
          },
        ],
      },
      {
        name: "downgrade",
        summary: "Downgrades of the cluster by one minor version",
        children: [
          {
            name: "cancel",
            summary: "Ends a downgrade",
            load: () => import("#ctl/commands/downgrade-cancel.ts"),
          },
          {
            name: "enable",
            summary: "Begins a downgrade",
            load: () => import("#ctl/commands/downgrade-enable.ts"),
          },
          {
            name: "validate",
            summary: "Tells whether the cluster can be downgraded",
            load: () => import("#ctl/commands/downgrade-validate.ts"),
          },
        ],
      },
      {
        name: "alarm",
        summary: "Alarms of members: no space, corruption",
        children: [
          {
            name: "disarm",
            summary: "Clears all alarms",
            load: () => import("#ctl/commands/alarm-disarm.ts"),
          },
          {
            name: "list",
            summary: "Lists all alarms",
            load: () => import("#ctl/commands/alarm-list.ts"),
          },
        ],
      },
      {
        name: "snapshot",
        summary: "Backups: saved here, looked at and restored by etcdutl",
        children: [
          {
            name: "save",
            summary: "Saves the state of one member to a file",
            load: () => import("#ctl/commands/snapshot-save.ts"),
          },
        ],
      },
      {
        name: "defrag",
        summary: "Gives free space of each endpoint's storage back",
        flags: [clusterFlag],
        load: () => import("#ctl/commands/defrag.ts"),
      },
      {
        name: "move-leader",
        summary: "Hands leadership to another member",
        load: () => import("#ctl/commands/move-leader.ts"),
      },
    ],
  },
  {
    title: "Authentication",
    nodes: [
      {
        name: "auth",
        summary: "Switches authentication on and off, and tells whether it is on",
        children: [
          {
            name: "disable",
            summary: "Switches authentication off",
            load: () => import("#ctl/commands/auth-disable.ts"),
          },
          {
            name: "enable",
            summary: "Switches authentication on",
            load: () => import("#ctl/commands/auth-enable.ts"),
          },
          {
            name: "status",
            summary: "Tells whether authentication is on",
            load: () => import("#ctl/commands/auth-status.ts"),
          },
        ],
      },
      {
        name: "role",
        summary: "Roles, and what they may",
        children: [
          {
            name: "add",
            summary: "Makes a role",
            load: () => import("#ctl/commands/role-add.ts"),
          },
          {
            name: "delete",
            summary: "Deletes a role",
            load: () => import("#ctl/commands/role-delete.ts"),
          },
          {
            name: "get",
            summary: "Shows what a role may",
            load: () => import("#ctl/commands/role-get.ts"),
          },
          {
            name: "grant-permission",
            summary: "Lets a role read or write keys",
            load: () => import("#ctl/commands/role-grant-permission.ts"),
          },
          {
            name: "list",
            summary: "Lists all roles",
            load: () => import("#ctl/commands/role-list.ts"),
          },
          {
            name: "revoke-permission",
            summary: "Takes a permission from a role",
            load: () => import("#ctl/commands/role-revoke-permission.ts"),
          },
        ],
      },
      {
        name: "user",
        summary: "Users, and their roles",
        children: [
          {
            name: "add",
            summary: "Makes a user",
            load: () => import("#ctl/commands/user-add.ts"),
          },
          {
            name: "delete",
            summary: "Deletes a user",
            load: () => import("#ctl/commands/user-delete.ts"),
          },
          {
            name: "get",
            summary: "Shows the roles of a user",
            load: () => import("#ctl/commands/user-get.ts"),
          },
          {
            name: "grant-role",
            summary: "Gives a role to a user",
            load: () => import("#ctl/commands/user-grant-role.ts"),
          },
          {
            name: "list",
            summary: "Lists all users",
            load: () => import("#ctl/commands/user-list.ts"),
          },
          {
            name: "passwd",
            summary: "Changes the password of a user",
            load: () => import("#ctl/commands/user-passwd.ts"),
          },
          {
            name: "revoke-role",
            summary: "Takes a role from a user",
            load: () => import("#ctl/commands/user-revoke-role.ts"),
          },
        ],
      },
    ],
  },
  {
    title: "Concurrency",
    nodes: [
      {
        name: "lock",
        summary: "Takes a lock by name, for a command or until interrupted",
        load: () => import("#ctl/commands/lock.ts"),
      },
      {
        name: "elect",
        summary: "Stands for election, or shows who leads",
        load: () => import("#ctl/commands/elect.ts"),
      },
    ],
  },
  {
    title: "Other",
    nodes: [
      {
        name: "check",
        summary: "Tries what a cluster can bear",
        children: [
          {
            name: "datascale",
            summary: "Tells how much memory many keys take",
            load: () => import("#ctl/commands/check-datascale.ts"),
          },
          {
            name: "perf",
            summary: "Tells whether the cluster keeps up with writes",
            load: () => import("#ctl/commands/check-perf.ts"),
          },
        ],
      },
      {
        name: "make-mirror",
        summary: "Copies keys to another cluster, and what changes from then on",
        load: () => import("#ctl/commands/make-mirror.ts"),
      },
      {
        name: "completion",
        summary: "Prints what makes a shell complete etcdctl's words",
        load: () => import("#ctl/commands/completion.ts"),
      },
      {
        name: "version",
        summary: "Shows versions",
        load: () => import("#ctl/commands/version.ts"),
      },
      {
        name: "options",
        summary: "Shows the flags that every command takes",
        load: () => import("#ctl/commands/options.ts"),
      },
    ],
  },
];

export const root: CommandNode = {
  name: "etcdctl",
  summary: "Talks to an etcd cluster",
  children: [
    ...sections.flatMap((section) => section.nodes),
    { name: "help", summary: "Explains a command" },
  ],
};
