// member and cluster-health.

import { errorText } from "#base/errors.ts";
import { goJson } from "#base/go-json.ts";
import { goQuote } from "#ctl/go-text.ts";
import { peerUrlsOf } from "#ctl/peer-urls.ts";
import type { ClusterClient } from "./cluster-client.ts";
import type { V2Command, V2Context } from "./command.ts";
import { Ended, endCode, failed, refused } from "./ended.ts";

interface Member {
  readonly id: string;
  readonly name: string;
  readonly peerURLs: readonly string[];
  readonly clientURLs: readonly string[];
}

const healthPauseMs = 10_000;

function memberIn(value: unknown): Member {
  const { id, name, peerURLs, clientURLs } = (value ?? {}) as Partial<Member>;
  return { id: id ?? "", name: name ?? "", peerURLs: peerURLs ?? [], clientURLs: clientURLs ?? [] };
}

function expectStatus(status: number, ...wanted: readonly number[]): void {
  if (!wanted.includes(status)) throw new Error(`unexpected status code ${status}`);
}

/** Throws Error in the server's words. */
export async function listMembers(
  client: ClusterClient,
  signal: AbortSignal | undefined,
): Promise<Member[]> {
  const { status, body } = await client.do({ method: "GET", path: "/v2/members" }, signal);
  expectStatus(status, 200);
  const { members } = JSON.parse(body) as { readonly members?: unknown };
  return Array.isArray(members) ? members.map(memberIn) : [];
}

/** Runs what asks the cluster; whatever it throws is told by its text alone. */
async function asking(
  context: V2Context,
  ask: (client: ClusterClient, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const client = await context.client();
  try {
    await ask(client, context.deadline());
  } catch (thrown) {
    throw refused(thrown);
  }
}

function argumentsIn({ flags }: V2Context, count: number, otherwise: string): readonly string[] {
  if (flags.all.length !== count) throw new Ended(endCode.badArguments, otherwise);
  return flags.all;
}

const list: V2Command = {
  name: "list",
  summary: "Lists the members",
  usage: "",
  async run(context) {
    argumentsIn(context, 0, "No arguments accepted");
    await asking(context, async (client, signal) => {
      const members = await listMembers(client, signal);
      const leader = await leaderOf(client, signal);
      for (const { id, name, peerURLs, clientURLs } of members) {
        context.terminal.out(
          name === ""
            ? `${id}[unstarted]: peerURLs=${peerURLs.join(",")}\n`
            : `${id}: name=${name} peerURLs=${peerURLs.join(",")} clientURLs=${clientURLs.join(",")} isLeader=${id === leader}\n`,
        );
      }
    });
  },
};

async function leaderOf(client: ClusterClient, signal: AbortSignal): Promise<string> {
  try {
    const { status, body } = await client.do({ method: "GET", path: "/v2/members/leader" }, signal);
    expectStatus(status, 200);
    return memberIn(JSON.parse(body)).id;
  } catch (thrown) {
    throw new Ended(1, `Failed to get leader:  ${errorText(thrown)}`);
  }
}

const jsonType = "application/json";
const peerUrlsJson = (urls: readonly string[]): string =>
  `{"peerURLs":${goJson([...urls].sort())}}`;
const messageIn = (body: string): string =>
  String((JSON.parse(body) as { readonly message?: unknown }).message ?? "");

const add: V2Command = {
  name: "add",
  summary: "Adds a member, and tells how to start it",
  usage: "NAME PEER-URL",
  examples: ["member add node4 http://10.0.0.4:2380"],
  async run(context) {
    const [name = "", url = ""] = argumentsIn(
      context,
      2,
      "Provide a name and a single member peerURL",
    );
    const { terminal } = context;
    await asking(context, async (client, signal) => {
      // A list by commas is no single URL.
      const [one = "", ...more] = peerUrlsOf(url);
      if (more.length > 0)
        throw new Error(`URL address does not have the form "host:port": ${url}`);
      const call = {
        method: "POST",
        path: "/v2/members",
        body: peerUrlsJson([one]),
        type: jsonType,
      };
      const { status, body } = await client.do(call, signal);
      expectStatus(status, 201, 409);
      if (status === 409) throw new Error(messageIn(body));
      const { id } = memberIn(JSON.parse(body));
      terminal.out(`Added member named ${name} with ID ${id} to cluster\n`);
      const members = await listMembers(client, signal);
      const cluster = members.flatMap((member) =>
        member.peerURLs.map((peer) => `${member.id === id ? name : member.name}=${peer}`),
      );
      terminal.out(
        `\nETCD_NAME=${goQuote(name)}\nETCD_INITIAL_CLUSTER=${goQuote(cluster.join(","))}\nETCD_INITIAL_CLUSTER_STATE="existing"\n`,
      );
    });
  },
};

const remove: V2Command = {
  name: "remove",
  summary: "Removes a member",
  usage: "MEMBER-ID",
  examples: ["member remove 8211f1d0f64f3269"],
  async run(context) {
    const [id = ""] = argumentsIn(context, 1, "Provide a single member ID");
    const { terminal } = context;
    await asking(context, async (client, signal) => {
      let members: readonly Member[];
      try {
        members = await listMembers(client, signal);
      } catch (thrown) {
        const text = `Error while verifying ID against known members: ${errorText(thrown)}`;
        throw new Ended(1, text);
      }
      for (const member of members.filter(({ name }) => name === id)) {
        terminal.err(
          `Found a member named ${id}; if this is correct, please use its ID, eg:\n\tetcdctl member remove ${member.id}\nFor more details, read the documentation at https://github.com/etcd-io/etcd/blob/master/Documentation/runtime-configuration.md#remove-a-member\n\n`,
        );
      }
      if (!members.some((member) => member.id === id)) {
        throw new Ended(1, `Couldn't find a member in the cluster with an ID of ${id}.`);
      }
      try {
        const call = { method: "DELETE", path: `/v2/members/${id}` };
        expectStatus((await client.do(call, signal)).status, 204, 410);
      } catch (thrown) {
        const text = `Received an error trying to remove member ${id}: ${errorText(thrown)}`;
        throw new Ended(1, text);
      }
      terminal.out(`Removed member ${id} from cluster\n`);
    });
  },
};

const update: V2Command = {
  name: "update",
  summary: "Changes the peer URLs of a member",
  usage: "MEMBER-ID PEER-URL[,PEER-URL...]",
  examples: ["member update 8211f1d0f64f3269 http://10.0.0.5:2380"],
  async run(context) {
    const [id = "", urls = ""] = argumentsIn(
      context,
      2,
      "Provide an ID and a list of comma separated peerURL (0xabcd http://example.com,http://example1.com)",
    );
    await asking(context, async (client, signal) => {
      const body = peerUrlsJson(peerUrlsOf(urls));
      const call = { method: "PUT", path: `/v2/members/${id}`, body, type: jsonType };
      const answer = await client.do(call, signal);
      expectStatus(answer.status, 204, 404, 409);
      if (answer.status !== 204) throw new Error(messageIn(answer.body));
      context.terminal.out(`Updated member with ID ${id} in cluster\n`);
    });
  },
};

export const member: V2Command = {
  name: "member",
  summary: "Members of the cluster",
  usage: "COMMAND",
  children: [list, add, remove, update],
};

export const clusterHealth: V2Command = {
  name: "cluster-health",
  summary: "Tells which members are healthy",
  usage: "",
  flags: [{ names: ["forever", "f"], kind: "bool", usage: "every ten seconds until interrupted" }],
  examples: ["cluster-health"],
  async run(context) {
    const { terminal, flags } = context;
    const client = await context.client("no sync");
    let members: readonly Member[];
    try {
      members = await listMembers(client, undefined);
    } catch (thrown) {
      terminal.out("cluster may be unhealthy: failed to list members\n");
      throw failed(endCode.serverError, thrown);
    }
    const forever = flags.bool("forever");
    const interrupted = forever ? terminal.interrupted() : undefined;
    for (;;) {
      const healthy = await checkAll(context, client, members);
      const all = healthy === members.length;
      const state = all ? "healthy" : healthy === 0 ? "unavailable" : "degraded";
      terminal.out(`cluster is ${state}\n`);
      if (interrupted === undefined) {
        if (all) return;
        throw new Ended(endCode.notHealthy, "");
      }
      terminal.out("\nnext check after 10 second...\n\n");
      await pause(context, interrupted);
      if (interrupted.aborted) return;
    }
  },
};

function pause({ terminal }: V2Context, until: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = terminal.clock.after(healthPauseMs, resolve);
    until.addEventListener("abort", () => {
      timer.cancel();
      resolve();
    });
  });
}

/** Says of each member how it is; gives the number of healthy ones. */
async function checkAll(
  { terminal }: V2Context,
  client: ClusterClient,
  members: readonly Member[],
): Promise<number> {
  let healthy = 0;
  for (const { id, clientURLs } of members) {
    if (clientURLs.length === 0) {
      terminal.out(`member ${id} is unreachable: no available published client urls\n`);
      continue;
    }
    let checked = false;
    for (const url of clientURLs) {
      try {
        const { body } = await client.get(`${url}/health`, undefined);
        const { health } = JSON.parse(body) as { readonly health?: unknown };
        const isHealthy = health === "true" || health === true;
        if (isHealthy) healthy++;
        const how = isHealthy ? "healthy" : "unhealthy";
        terminal.out(`member ${id} is ${how}: got ${how} result from ${url}\n`);
        checked = true;
        break;
      } catch (thrown) {
        const reason = `Get ${goQuote(`${url}/health`)}: ${errorText(thrown)}`;
        terminal.out(`failed to check the health of member ${id} on ${url}: ${reason}\n`);
      }
    }
    if (!checked) {
      terminal.out(`member ${id} is unreachable: [${clientURLs.join(" ")}] are all unreachable\n`);
    }
  }
  return healthy;
}
