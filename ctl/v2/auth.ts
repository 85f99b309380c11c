// user, role and auth: who may do what in the v2 key space.
import { goJson } from "#base/go-json.ts";
import type { ClusterClient, V2Call } from "./cluster-client.ts";
import type { V2Command, V2Context } from "./command.ts";
import { Ended, endCode, refused } from "./ended.ts";
import type { V2Flag } from "./flags.ts";
import { canonicalPath } from "./go-url.ts";

type Json = Readonly<Record<string, unknown>>;

/** Asks the cluster and reads its answer; throws Error with the server's message. */
async function call(client: ClusterClient, signal: AbortSignal, what: V2Call): Promise<Json> {
  const { status, body } = await client.do(what, signal);
  const json = body.trim() === "" ? {} : (JSON.parse(body) as Json);
  if (status !== 200 && status !== 201) throw new Error(String(json["message"] ?? ""));
  return json;
}

async function asking(
  context: V2Context,
  ask: (request: (what: V2Call) => Promise<Json>) => Promise<void>,
): Promise<void> {
  const client = await context.client();
  // etcdctl names the endpoints a second time.
  if (context.globals.bool("debug")) {
    context.terminal.err(`Cluster-Endpoints: ${client.endpoints.join(", ")}\n`);
  }
  const signal = context.deadline();
  try {
    await ask((what) => call(client, signal, what));
  } catch (thrown) {
    throw refused(thrown);
  }
}

function noArguments({ flags }: V2Context): void {
  if (flags.all.length > 0) throw new Ended(endCode.badArguments, "No arguments accepted");
}

function nameIn({ flags }: V2Context, otherwise: string): string {
  const [name] = flags.all;
  if (name === undefined || flags.all.length !== 1)
    throw new Ended(endCode.badArguments, otherwise);
  return name;
}

const userIn = (context: V2Context): string => nameIn(context, "Please provide a username");
const roleIn = (context: V2Context): string => nameIn(context, "Please provide a role name");
const listIn = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const textsIn = (value: unknown): readonly string[] => listIn(value).map(String);

const type = "application/json";
const usersPath = "/v2/auth/users";
const rolesPath = "/v2/auth/roles";

function changeOf(path: string, name: string, fields: Json): V2Call {
  return { method: "PUT", path: `${path}/${name}`, body: goObject(fields), type };
}

/** JSON with strings as Go's encoder writes them. */
function goObject(value: unknown): string {
  if (typeof value === "string") return goJson(value);
  if (Array.isArray(value)) return `[${value.map(goObject).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const fields = Object.entries(value).map(([name, each]) => `${goJson(name)}:${goObject(each)}`);
  return `{${fields.join(",")}}`;
}

const rolesFlag: V2Flag = { names: ["roles"], kind: "list", usage: "one role; may be given again" };

function grantRoles(name: "grant" | "revoke", summary: string): V2Command {
  return {
    name,
    summary,
    usage: "USER",
    flags: [rolesFlag],
    examples: [`user ${name} alice --roles reader`],
    async run(context) {
      const roles = context.flags.list("roles");
      if (roles.length === 0) {
        throw new Ended(endCode.badArguments, "No roles specified; please use `--roles`");
      }
      const user = userIn(context);
      await asking(context, async (request) => {
        await request(changeOf(usersPath, user, { user, roles: null, [name]: roles }));
        context.terminal.out(`User ${user} updated\n`);
      });
    },
  };
}

/** What is the same of users and roles. */
function listAndRemove(
  noun: "User" | "Role",
  path: string,
  nameOf: (context: V2Context) => string,
): readonly V2Command[] {
  const key = noun.toLowerCase();
  return [
    {
      name: "list",
      summary: `Lists all ${key}s`,
      usage: "",
      async run(context) {
        noArguments(context);
        await asking(context, async (request) => {
          const json = await request({ method: "GET", path, type });
          for (const each of listIn(json[`${key}s`])) {
            context.terminal.out(`${String((each as Json)[key])}\n`);
          }
        });
      },
    },
    {
      name: "remove",
      summary: `Deletes a ${key}`,
      usage: noun.toUpperCase(),
      async run(context) {
        const name = nameOf(context);
        await asking(context, async (request) => {
          await request({ method: "DELETE", path: `${path}/${name}` });
          context.terminal.out(`${noun} ${name} removed\n`);
        });
      },
    },
  ];
}

const userCommands: readonly V2Command[] = [
  {
    name: "add",
    summary: "Makes a user",
    usage: "NAME[:PASSWORD]",
    examples: ["user add alice"],
    async run(context) {
      const given = userIn(context);
      const { terminal } = context;
      await asking(context, async (request) => {
        const colon = given.indexOf(":");
        const user = colon < 0 ? given : given.slice(0, colon);
        const password =
          colon < 0 ? await terminal.readSecret("New password: ") : given.slice(colon + 1);
        await request(changeOf(usersPath, user, { user, ...passwordField(password), roles: null }));
        terminal.out(`User ${user} created\n`);
      });
    },
  },
  {
    name: "get",
    summary: "Shows the roles of a user",
    usage: "USER",
    async run(context) {
      const name = userIn(context);
      await asking(context, async (request) => {
        const json = await request({ method: "GET", path: `${usersPath}/${name}` });
        const roles = textsIn(listIn(json["roles"]).map((role) => (role as Json)["role"]));
        // etcdctl reads the roles twice, and has an empty name for each the first time.
        const shown = [...roles.map(() => ""), ...roles].join(" ");
        context.terminal.out(`User: ${String(json["user"])}\nRoles: ${shown}\n`);
      });
    },
  },
  ...listAndRemove("User", usersPath, userIn),
  grantRoles("grant", "Gives roles to a user"),
  grantRoles("revoke", "Takes roles from a user"),
  {
    name: "passwd",
    summary: "Changes the password of a user",
    usage: "USER",
    async run(context) {
      const user = userIn(context);
      await asking(context, async (request) => {
        const password = await context.terminal.readSecret("New password: ");
        await request(changeOf(usersPath, user, { user, ...passwordField(password), roles: null }));
        context.terminal.out("Password updated\n");
      });
    },
  },
];

/** An empty one is not sent. */
function passwordField(password: string): Json {
  return password === "" ? {} : { password };
}

const permissionFlags: readonly V2Flag[] = [
  { names: ["path"], kind: "string", usage: "a key, or what keys begin with and `*`" },
  { names: ["read"], kind: "bool", usage: "reading" },
  { names: ["write"], kind: "bool", usage: "writing" },
  { names: ["readwrite", "rw"], kind: "bool", usage: "both" },
];

function grantPermission(name: "grant" | "revoke", summary: string): V2Command {
  return {
    name,
    summary,
    usage: "ROLE",
    flags: permissionFlags,
    examples: [`role ${name} reader --path '/public/*' --read`],
    async run(context) {
      const { flags, terminal } = context;
      const refuse = (text: string): Ended => new Ended(endCode.badArguments, text);
      const path = flags.string("path");
      if (path === "") throw refuse("No path specified; please use `--path`");
      const clean = canonicalPath(path);
      if (clean !== path) throw refuse(`Not canonical path; please use \`--path=${clean}\``);
      const [read, write, both] = ["read", "write", "readwrite"].map((each) => flags.bool(each));
      if ([read, write, both].filter((each) => each === true).length !== 1) {
        throw refuse("Please specify exactly one of --read, --write or --readwrite");
      }
      const role = roleIn(context);
      const kv = {
        read: read === true || both === true ? [path] : null,
        write: write === true || both === true ? [path] : null,
      };
      const permissions = { kv: { read: null, write: null } };
      await asking(context, async (request) => {
        await request({ method: "GET", path: `${rolesPath}/${role}` });
        await request(changeOf(rolesPath, role, { role, permissions, [name]: { kv } }));
        terminal.out(`Role ${role} updated\n`);
      });
    },
  };
}

const roleCommands: readonly V2Command[] = [
  {
    name: "add",
    summary: "Makes a role",
    usage: "ROLE",
    async run(context) {
      const role = roleIn(context);
      await asking(context, async (request) => {
        const isThere = await request({ method: "GET", path: `${rolesPath}/${role}` }).then(
          () => true,
          () => false,
        );
        if (isThere) throw new Ended(1, `Role ${role} already exists`);
        const permissions = { kv: { read: null, write: null } };
        await request(changeOf(rolesPath, role, { role, permissions }));
        context.terminal.out(`Role ${role} created\n`);
      });
    },
  },
  {
    name: "get",
    summary: "Shows what a role may",
    usage: "ROLE",
    async run(context) {
      const name = roleIn(context);
      await asking(context, async (request) => {
        const json = await request({ method: "GET", path: `${rolesPath}/${name}` });
        const { kv } = (json["permissions"] ?? {}) as { readonly kv?: Json };
        const lines = (patterns: unknown): string =>
          textsIn(patterns)
            .map((pattern) => `\t${pattern}\n`)
            .join("");
        context.terminal.out(
          `Role: ${String(json["role"])}\nKV Read:\n${lines(kv?.["read"])}KV Write:\n${lines(kv?.["write"])}`,
        );
      });
    },
  },
  ...listAndRemove("Role", rolesPath, roleIn),
  grantPermission("grant", "Lets a role read or write keys"),
  grantPermission("revoke", "Takes a permission from a role"),
];

function switchAuth(name: string, method: string, done: string, summary: string): V2Command {
  return {
    name,
    summary,
    usage: "",
    async run(context) {
      noArguments(context);
      await asking(context, async (request) => {
        await request({ method, path: "/v2/auth/enable" });
        context.terminal.out(`Authentication ${done}\n`);
      });
    },
  };
}

export const user: V2Command = {
  name: "user",
  summary: "Users, and their roles",
  usage: "COMMAND",
  children: userCommands,
};

export const role: V2Command = {
  name: "role",
  summary: "Roles, and what they may",
  usage: "COMMAND",
  children: roleCommands,
};

export const auth: V2Command = {
  name: "auth",
  summary: "Switches authentication on and off",
  usage: "COMMAND",
  children: [
    switchAuth("enable", "PUT", "Enabled", "Switches authentication on"),
    switchAuth("disable", "DELETE", "Disabled", "Switches authentication off"),
  ],
};
