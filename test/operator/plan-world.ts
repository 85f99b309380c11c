// A world for the plan: volumes, processes, nodes and an etcd that keeps its rules, all of it data, with
// faults from a seed. It judges every act by what was true when the plan looked: nobody is removed whom
// the others need, nobody is stopped while another is away, no cluster is begun twice.
import assert from "node:assert/strict";
import type { Random } from "#base/random.ts";
import type {
  Addresses,
  Membership,
  Observed,
  ObservedMember,
  PeerScheme,
  PlanState,
  Step,
  Template,
  Wanted,
} from "#operator/plan/types.ts";
import { placeOfUrl, quorumOf } from "#operator/plan/view.ts";

interface Data {
  /** Empty until its process has joined. */
  memberId: string;
  applied: number;
}

interface Machine {
  readonly name: string;
  volume: "absent" | "present" | "lost";
  data: Data | undefined;
  process: { kind: "absent" | "ended" } | { kind: "running"; template: string; forced: boolean };
  nodeIsUp: boolean;
  /** The token under which it looks for the others. */
  seeks: string | undefined;
  restored: "running" | "done" | undefined;
  bytes: number;
  resize: "resizing" | "offline" | undefined;
  /** Its certificate and the CAs that it trusts, as it loaded them last. */
  loaded: { leaf: string; caId: string; cas: readonly string[] } | undefined;
}

interface Listed {
  readonly memberId: string;
  peerUrl: string;
  isLearner: boolean;
}

export const badTemplate = "bad";

/** What a process with this template serves other members. */
function servedBy(template: string): readonly PeerScheme[] {
  const [, served] = (template.split("/")[0] ?? "").split(":");
  return served === "both" ? ["http", "https"] : [served === "https" ? "https" : "http"];
}

const clientPorts = {
  plain: ["http"],
  both: ["https", "http"],
  secure: ["https"],
} as const satisfies Readonly<Record<string, readonly PeerScheme[]>>;
export type ClientPort = keyof typeof clientPorts;

/** What a process with this template serves clients. */
function clientsOf(template: string): readonly PeerScheme[] {
  const port = template.split("/")[1] ?? "plain";
  return port === "both" || port === "secure" ? clientPorts[port] : clientPorts.plain;
}

/** The same is wanted, with clients that are to be spoken to so. */
export function listening(port: ClientPort, wanted: Pick<Wanted, "template" | "peers">) {
  const as = (each: ClientPort, { id, version, content }: Template): Template => ({
    id: `${id.split("/")[0]}/${each}`,
    version,
    content,
  });
  const { template, peers } = wanted;
  const ports = ["plain", "both", "secure"] as const;
  const used = [template, ...(peers?.bridge === undefined ? [] : [peers.bridge])];
  const known = used.flatMap((one) => ports.map((each) => as(each, one).id));
  const bridges = peers?.bridge;
  return {
    template: as(port, template),
    ...(bridges === undefined
      ? {}
      : { peers: { ...peers, bridge: as(port, bridges) } as typeof peers }),
    clients: {
      bridge: as("both", template),
      ...(bridges === undefined ? {} : { peersBridge: as("both", bridges) }),
      ...(port === "plain" ? {} : { tls: { id: "tls", content: {} } }),
      schemes: Object.fromEntries(known.map((id) => [id, clientsOf(id)])),
      graceMs: 120_000,
    },
  };
}

/** The same, with what members serve by settings that are kept. */
export function knowing(wanted: Wanted, state: PlanState | undefined): Wanted {
  const { clients } = wanted;
  if (clients === undefined) return wanted;
  const kept = Object.keys(state?.templates ?? {}).map((id) => [id, clientsOf(id)] as const);
  const schemes = { ...clients.schemes, ...Object.fromEntries(kept) };
  return { ...wanted, clients: { ...clients, schemes } };
}

/** What is wanted of the clients' port, as `listening` says it. */
const portOf = ({ template }: Wanted): ClientPort => template.id.split("/")[1] as ClientPort;

const schemeOf = (url: string): PeerScheme => (url.startsWith("https:") ? "https" : "http");

/** This template and this scheme are wanted of members whose scheme changes. */
export function speaking(scheme: PeerScheme, { id, version, content }: Template) {
  const [base = ""] = id.split(/[:/]/);
  const like = (served: string): Template => ({ id: `${base}:${served}`, version, content });
  const tls = scheme === "https" ? { tls: { id: "tls", content: {} } } : {};
  return { template: like(scheme), peers: { scheme, bridge: like("both"), ...tls } };
}

export class World {
  readonly random: Random;
  readonly machines = new Map<string, Machine>();
  wanted: Wanted;
  nowMs = 0;
  clusterId = "";
  list: Listed[] = [];
  alarms: { memberId: string; kind: "corrupt" | "nospace" }[] = [];
  isReleased = false;
  readonly acts: string[] = [];
  readonly registries = new Map<string, { size: number; urls: Set<string> }>();
  cas: { id: string; sinceMs: number; notAfterMs: number; request?: string }[] = [];
  readonly leaves = new Map<string, { fingerprint: string; caId: string; notAfterMs: number }>();
  readonly addresses: Addresses;
  #leader = "";
  #index = 10;
  #nextId = 1;
  #isCalm = false;
  #struckForming = false;
  #nextCertificate = 1;
  /** Who served, and what was wanted, when the plan looked last. */
  #seen: { serving: Set<string>; voters: number } = { serving: new Set(), voters: 0 };
  readonly #urls = new Map<string, string>();

  constructor(random: Random, wanted: Wanted, reusesUrls: boolean) {
    this.random = random;
    this.wanted = wanted;
    this.addresses = (serial, taken) => {
      let slot = serial;
      const places = new Set([...taken].map(placeOfUrl));
      if (reusesUrls) for (slot = 1; places.has(`${slot}:2380`); slot++);
      const peerUrl = `http://${slot}:2380`;
      return { peerUrl, clientUrl: peerUrl.replace("80", "79") };
    };
  }

  #machine(name: string): Machine {
    let machine = this.machines.get(name);
    if (machine === undefined) {
      machine = {
        name,
        volume: "absent",
        data: undefined,
        process: { kind: "absent" },
        nodeIsUp: true,
        seeks: undefined,
        restored: undefined,
        bytes: 0,
        resize: undefined,
        loaded: undefined,
      };
      this.machines.set(name, machine);
    }
    return machine;
  }

  #runs(machine: Machine): boolean {
    const { process, nodeIsUp } = machine;
    return nodeIsUp && process.kind === "running" && !process.template.startsWith(badTemplate);
  }

  #isCorrupt(memberId: string): boolean {
    return this.alarms.some((one) => one.kind === "corrupt" && one.memberId === memberId);
  }

  /** Voters that take part, by name. */
  serving(): Map<string, Machine> {
    const votes = new Set(this.list.filter((one) => !one.isLearner).map((one) => one.memberId));
    const found = [...this.machines].filter(
      ([, one]) => this.#runs(one) && one.data !== undefined && votes.has(one.data.memberId),
    );
    return new Map(found);
  }

  get voters(): number {
    return this.list.filter((one) => !one.isLearner).length;
  }

  hasQuorum(): boolean {
    return this.voters > 0 && this.serving().size >= quorumOf(this.voters);
  }

  /** Lets time pass: members form, elect, join and catch up, faults aside. */
  pass(ms: number): void {
    this.nowMs += ms;
    for (const machine of this.machines.values()) {
      this.#seek(machine);
      this.#settle(machine);
    }
    this.#judgeTrust();
    this.#judgePeers();
    this.#judgeClientPorts();
    if (this.hasQuorum()) {
      const serving = this.serving();
      if (!serving.has(this.#leader)) {
        const names = [...serving.keys()];
        this.#leader = names[this.random.below(names.length)] ?? "";
      }
      this.#index += this.random.below(30_000);
      for (const machine of this.machines.values()) this.#advance(machine);
    } else this.#leader = "";
  }

  /** Members that seek the others register; the last one of them completes the cluster. */
  #seek(machine: Machine): void {
    const token = machine.seeks;
    if (token === undefined || !this.#runs(machine) || machine.data !== undefined) return;
    const registry = this.registries.get(token);
    const peerUrl = this.#urls.get(machine.name) ?? "";
    if (registry === undefined) return;
    if (registry.urls.size < registry.size && this.random.chance(0.5)) registry.urls.add(peerUrl);
    if (registry.urls.size < registry.size || !registry.urls.has(peerUrl)) return;
    if (this.clusterId === "") {
      this.clusterId = "c1";
      this.list = [...registry.urls].map((url) => ({
        memberId: `m${this.#nextId++}`,
        peerUrl: url,
        isLearner: false,
      }));
    }
    const place = this.list.find((one) => one.peerUrl === peerUrl);
    assert(place !== undefined, `${machine.name} forms a second cluster`);
    assert(!this.#everHeld.has(place.memberId), `${machine.name} bootstraps twice`);
    this.#everHeld.add(place.memberId);
    machine.data = { memberId: place.memberId, applied: 0 };
  }

  /** What goes on in a volume and in a process besides etcd. */
  #settle(machine: Machine): void {
    if (machine.restored === "running" && this.random.chance(0.5)) machine.restored = "done";
    const { resize, process } = machine;
    if (resize === "resizing" && (this.#isCalm || this.random.chance(0.3))) {
      machine.resize = this.random.chance(0.3) ? "offline" : undefined;
    }
    if (resize === "offline" && process.kind !== "running") machine.resize = undefined;
    if (process.kind === "running" && machine.nodeIsUp && this.random.chance(0.6)) {
      this.#load(machine);
    }
  }

  #load(machine: Machine): void {
    const leaf = this.leaves.get(machine.name);
    if (leaf === undefined) return;
    const cas = this.cas.map((one) => one.id);
    machine.loaded = { leaf: leaf.fingerprint, caId: leaf.caId, cas };
  }

  /** No two members that run refuse each other, and none refuses a client that reads what is published in time. */
  #judgeTrust(): void {
    // Who was removed is nobody's member any more, though it may still run.
    const isListed = ({ data }: Machine) =>
      data === undefined || this.list.some((one) => one.memberId === data.memberId);
    const running = [...this.machines.values()].filter(
      (one) => one.nodeIsUp && one.process.kind === "running" && isListed(one),
    );
    this.#judgeClient(running);
    for (const { name, loaded } of running) {
      for (const other of running) {
        if (loaded === undefined || other.loaded === undefined) continue;
        // Whose CAs have all ended refuses everybody, whatever is done.
        if (other.loaded.cas.every((id) => (this.#ends.get(id) ?? 0) <= this.nowMs)) continue;
        assert(other.loaded.cas.includes(loaded.caId), `${other.name} refuses ${name}`);
      }
    }
  }

  /** Whoever runs can dial all that run as the list names them, and is answered. */
  #judgePeers(): void {
    if (this.wanted.peers === undefined) return;
    const running = [...this.machines.values()].filter((one) => this.#runs(one));
    for (const { name, data, process } of running) {
      const listed = this.list.find((one) => one.memberId === data?.memberId);
      if (listed === undefined || process.kind !== "running") continue;
      const scheme = schemeOf(listed.peerUrl);
      assert(
        servedBy(process.template).includes(scheme),
        `${name} is known as ${listed.peerUrl} and runs as ${process.template}`,
      );
      for (const other of running) {
        if (other.process.kind !== "running" || scheme === "http") continue;
        // Without certificates nobody can dial whoever wants to see one.
        const canDial = servedBy(other.process.template).includes("https");
        assert(canDial, `${other.name} (${other.process.template}) cannot dial ${listed.peerUrl}`);
      }
    }
  }

  /** There is a scheme by which all who run can be spoken to. */
  #judgeClientPorts(): void {
    if (this.wanted.clients === undefined) return;
    const running = [...this.machines.values()].flatMap((one) =>
      this.#runs(one) && one.process.kind === "running" ? [one.process.template] : [],
    );
    const isReachable = (["http", "https"] as const).some((scheme) =>
      running.every((each) => clientsOf(each).includes(scheme)),
    );
    assert(isReachable, `clients are to speak to ${running.join()}`);
  }

  /** A client that reads the bundle again within the time of grace meets nobody it cannot verify. */
  #judgeClient(running: readonly Machine[]): void {
    const { graceMs = 0 } = this.wanted.certificates ?? {};
    const { readMs, cas } = this.#client;
    // With CAs that ended, or do any moment, nobody can be verified; the next look finds new ones.
    const canVerify = cas.some((one) => one.notAfterMs > this.nowMs + 60_000);
    if (this.nowMs - readMs >= graceMs - 60_000 || !canVerify) {
      this.#client = { readMs: this.nowMs, cas: [...this.cas] };
      return;
    }
    for (const { name, loaded } of running) {
      const isKnown = loaded === undefined || cas.some((one) => one.id === loaded.caId);
      assert(isKnown, `a client refuses ${name}`);
    }
  }

  /** When each CA ends, those included that are trusted no more. */
  readonly #ends = new Map<string, number>();

  #client: { readonly readMs: number; readonly cas: World["cas"] } = { readMs: 0, cas: [] };

  /** One volume is lost while the members seek each other. */
  strikeForming(): string {
    const seeking = [...this.machines.values()].filter(
      (one) => one.process.kind === "running" && one.data === undefined,
    );
    const one = seeking[this.random.below(Math.max(1, seeking.length))];
    if (one === undefined || this.voters > 0 || this.#struckForming) return "nothing";
    this.#struckForming = true;
    one.volume = "lost";
    one.process = { kind: "absent" };
    return `the volume of ${one.name} is lost before there is a cluster`;
  }

  #advance(machine: Machine): void {
    if (!this.#runs(machine)) return;
    if (machine.data !== undefined) {
      const { memberId } = machine.data;
      const isListed = this.list.some((one) => one.memberId === memberId);
      // A removed member is told so, and ends.
      if (!isListed) machine.process = { kind: "ended" };
      else if (this.#isCalm || this.random.chance(0.7)) machine.data.applied = this.#index;
    }
  }

  observe(state: PlanState | undefined): Observed {
    const serving = this.serving();
    this.#seen = { serving: new Set(serving.keys()), voters: this.voters };
    const hasQuorum = this.hasQuorum();
    const members = (state?.members ?? []).map(({ name }): ObservedMember => {
      const { volume, process, data, ...machine } = this.#machine(name);
      const { restored, resize, bytes, loaded } = machine;
      const seen = {
        name,
        volume,
        runs: { ...process },
        ...(this.wanted.clients !== undefined && process.kind === "running"
          ? { clientSchemes: clientsOf(process.template) }
          : {}),
        volumeBytes: bytes,
        ...(restored === undefined ? {} : { restored: { kind: restored } }),
        ...(resize === undefined ? {} : { resize }),
        ...(loaded === undefined || process.kind !== "running" || !machine.nodeIsUp
          ? {}
          : { loaded: { leaf: loaded.leaf, bundle: loaded.cas.join() } }),
        ...this.#peerPort({ ...machine, volume, process, data }),
      };
      if (data === undefined || !this.#runs({ volume, process, data, ...machine })) return seen;
      const isLearner = this.list.some((one) => one.memberId === data.memberId && one.isLearner);
      const leader = this.machines.get(this.#leader)?.data?.memberId ?? "";
      const answer = {
        memberId: data.memberId,
        clusterId: this.clusterId,
        leaderId: hasQuorum ? leader : "",
        isLearner,
        term: 1,
        index: this.#index,
        appliedIndex: data.applied,
        sizeBytes: 1,
        usedBytes: 1,
      };
      return { ...seen, answer };
    });
    const membership: Membership | undefined = hasQuorum
      ? {
          clusterId: this.clusterId,
          members: this.list.map(({ memberId, peerUrl, isLearner }) => ({
            memberId,
            peerUrls: [peerUrl],
            isLearner,
          })),
          alarms: [...this.alarms],
        }
      : undefined;
    const known = new Set(state?.members.map((one) => one.name));
    const remnants = [...this.machines.values()]
      .filter((one) => one.volume === "present" && !known.has(one.name))
      .map((one) => one.name);
    const { attempt, uid, clusterId } = state ?? {};
    const token = this.registries.get(`${uid}-${attempt}`);
    const isSeeking = attempt !== undefined && clusterId === undefined;
    const registry =
      isSeeking && (this.#isCalm || this.random.chance(0.9))
        ? {
            registered: token?.urls.size ?? 0,
            ...(token === undefined ? {} : { size: token.size }),
          }
        : undefined;
    const trust = {
      cas: this.cas.map((one) => ({ ...one })),
      bundle: this.cas.map((one) => one.id).join(),
      leaves: Object.fromEntries(this.leaves),
    };
    return {
      members,
      remnants,
      trust,
      ...(membership === undefined ? {} : { membership }),
      ...(registry === undefined ? {} : { registry }),
    };
  }

  #peerPort(machine: Machine): Pick<ObservedMember, "peerPort"> {
    const { scheme } = this.wanted.peers ?? {};
    const { process } = machine;
    if (scheme === undefined || process.kind !== "running" || !this.#runs(machine)) return {};
    if (!this.#isCalm && this.random.chance(0.1)) return {};
    const isServed = servedBy(process.template).includes(scheme);
    return { peerPort: isServed ? { kind: "served" } : { kind: "failed", message: "no TLS" } };
  }

  act(step: Step, state: PlanState | undefined): void {
    const member = "member" in step ? step.member : "";
    this.acts.push(`${this.nowMs} ${step.kind} ${member}`);
    const machine = this.#machine(member);
    switch (step.kind) {
      case "note":
      case "wait":
        return;
      case "create-volume":
        if (machine.volume === "absent") machine.volume = "present";
        machine.bytes = this.wanted.volumeBytes ?? 0;
        return;
      case "open-registry": {
        assert(step.find.kind === "discovery", "the way of this world");
        const token = step.find.url.split("/").at(-1) ?? "";
        if (!this.registries.has(token)) {
          this.registries.set(token, { size: step.size, urls: new Set() });
        }
        return;
      }
      case "restore":
        assert.equal(this.clusterId, "", "a living cluster is restored into");
        assert.equal(machine.volume, "present", "restored into nothing");
        machine.restored ??= "running";
        return;
      case "grow-volume":
        assert(machine.bytes < step.bytes, "a volume is to shrink");
        machine.bytes = step.bytes;
        machine.resize = "resizing";
        return;
      case "add-ca": {
        const { validityMs = 0 } = this.wanted.certificates ?? {};
        const { request } = step;
        const id = `ca${this.#nextCertificate++}`;
        const notAfterMs = this.nowMs + 4 * validityMs;
        const ca = { id, sinceMs: this.nowMs, notAfterMs };
        this.#ends.set(id, notAfterMs);
        this.cas.push(request === undefined ? ca : { ...ca, request });
        return;
      }
      case "issue": {
        const { validityMs = 0 } = this.wanted.certificates ?? {};
        const ca = this.cas.find((one) => one.id === step.ca) ?? assert.fail("issued without a CA");
        const notAfterMs = Math.min(this.nowMs + validityMs, ca.notAfterMs);
        const fingerprint = `leaf${this.#nextCertificate++}`;
        this.leaves.set(member, { fingerprint, caId: ca.id, notAfterMs });
        return;
      }
      case "drop-cas":
        this.cas = this.cas.slice(-1);
        return;
      case "start":
        this.#start(machine, step, state);
        return;
      case "stop":
        this.#judgeStop(machine, state);
        machine.process = { kind: "absent" };
        return;
      case "delete-volume": {
        const isListed = this.list.some((one) => one.memberId === machine.data?.memberId);
        assert(!isListed || this.wanted.deleting, `the volume of ${member}, a member, is deleted`);
        assert(machine.process.kind === "absent", `${member} runs without a volume`);
        machine.volume = "absent";
        machine.data = undefined;
        this.leaves.delete(member);
        return;
      }
      case "add-learner": {
        const place = placeOfUrl(step.peerUrl);
        const isThere = this.list.some((one) => placeOfUrl(one.peerUrl) === place);
        if (!this.hasQuorum() || isThere) return;
        this.list.push({ memberId: `m${this.#nextId++}`, peerUrl: step.peerUrl, isLearner: true });
        return;
      }
      case "promote": {
        const listed = this.list.find((one) => one.memberId === step.memberId);
        if (this.hasQuorum() && listed !== undefined) listed.isLearner = false;
        return;
      }
      case "move-leader": {
        const to = [...this.serving().values()].find(
          (one) => one.data?.memberId === step.toMemberId,
        );
        if (to !== undefined) this.#leader = to.name;
        return;
      }
      case "remove":
        this.#remove(step.memberId, machine);
        return;
      case "update-peer-url": {
        const listed = this.list.find((one) => one.memberId === step.memberId);
        if (!this.hasQuorum() || listed === undefined) return;
        assert.equal(listed.memberId, machine.data?.memberId, `${member} has another ID`);
        assert.equal(placeOfUrl(listed.peerUrl), placeOfUrl(step.peerUrl), "it moves elsewhere");
        const { serving, voters } = this.#seen;
        assert.equal(serving.size, voters, `${member} is renamed while another is away`);
        listed.peerUrl = step.peerUrl;
        return;
      }
      case "compact":
      case "defragment":
        return;
      case "disarm":
        this.alarms = this.alarms.filter(
          (one) => one.memberId !== step.memberId || one.kind !== step.alarm,
        );
        return;
      case "release":
        this.isReleased = true;
        return;
    }
  }

  #judgeStop(machine: Machine, state: PlanState | undefined): void {
    const { serving, voters } = this.#seen;
    const isVoter = this.list.some(
      (one) => one.memberId === machine.data?.memberId && !one.isLearner,
    );
    if (!isVoter || !serving.has(machine.name)) return;
    if (this.wanted.deleting || state?.asleep || state?.recovery !== undefined) return;
    assert.equal(serving.size, voters, `${machine.name} is stopped while another voter is away`);
  }

  #remove(memberId: string, machine: Machine): void {
    const listed = this.list.find((one) => one.memberId === memberId);
    if (listed === undefined || !this.hasQuorum()) return;
    if (!listed.isLearner) {
      const { serving, voters } = this.#seen;
      const isGood = serving.has(machine.name) && !this.#isCorrupt(memberId);
      const others = [...serving].filter((name) => name !== machine.name).length;
      assert(others >= quorumOf(voters - 1), `without ${machine.name} there is no quorum`);
      if (isGood) assert.equal(others, voters - 1, `${machine.name} goes while another is away`);
    }
    this.list = this.list.filter((one) => one !== listed);
  }

  #start(machine: Machine, step: Extract<Step, { kind: "start" }>, state?: PlanState): void {
    const { name } = machine;
    if (machine.process.kind !== "absent") return;
    assert.equal(machine.volume, "present", `${name} is started without a volume`);
    machine.process = { kind: "running", template: step.template.id, forced: step.force };
    const peerUrl = state?.members.find((one) => one.name === name)?.peerUrl ?? "";
    this.#urls.set(name, peerUrl);
    if (this.wanted.certificates !== undefined) {
      this.#load(machine);
      assert(machine.loaded !== undefined, `${name} is started without a certificate`);
    }
    if (step.join.find?.kind === "discovery") {
      machine.seeks = step.join.find.url.split("/").at(-1);
      return;
    }
    if (step.force) {
      assert(
        machine.data !== undefined && state?.recovery !== undefined,
        "forced without a recovery",
      );
      const alive = [...this.machines.values()].filter((one) => one.process.kind === "running");
      assert.equal(alive.length, 1, "forced while others run");
      const { memberId } = machine.data;
      this.list = [{ memberId, peerUrl, isLearner: false }];
      this.alarms = [];
      return;
    }
    if (machine.data !== undefined) return;
    if (step.join.state === "existing") {
      const place = this.#listedAt(peerUrl);
      if (place === undefined) {
        machine.process = { kind: "ended" };
        return;
      }
      const isTaken = [...this.#everHeld].includes(place.memberId);
      assert(!isTaken, `${name} takes up the vote of ${place.memberId} with an empty volume`);
      this.#everHeld.add(place.memberId);
      machine.data = { memberId: place.memberId, applied: 0 };
      return;
    }
    // The first members: all of them know the same list from their start on.
    if (this.clusterId === "") {
      const isRestored = this.wanted.bootstrap?.kind === "restore";
      assert(!isRestored || machine.restored === "done", `${name} begins without the snapshot`);
      this.clusterId = "c1";
      // By DNS the records name the same members.
      const first = step.join.initialCluster || (state?.initialCluster ?? "");
      this.list = first.split(",").map((part) => ({
        memberId: `m${this.#nextId++}`,
        peerUrl: part.split("=")[1] ?? "",
        isLearner: false,
      }));
    }
    const place = this.#listedAt(peerUrl);
    assert(place !== undefined, `${name} begins another cluster`);
    assert(!this.#everHeld.has(place.memberId), `${name} bootstraps twice`);
    this.#everHeld.add(place.memberId);
    machine.data = { memberId: place.memberId, applied: 0 };
  }

  #listedAt(peerUrl: string): Listed | undefined {
    return this.list.find((one) => placeOfUrl(one.peerUrl) === placeOfUrl(peerUrl));
  }

  readonly #everHeld = new Set<string>();

  /** Something bad happens, never so bad that nothing is left; `disaster` may cost the quorum. */
  strike(disaster: boolean): string {
    const { random } = this;
    const machines = [...this.machines.values()];
    const one = machines[random.below(Math.max(1, machines.length))];
    if (one === undefined) return "nothing";
    switch (random.below(6)) {
      case 0:
        if (one.process.kind === "running") one.process = { kind: "ended" };
        return `${one.name} ended`;
      case 1:
        one.nodeIsUp = !one.nodeIsUp;
        // Its processes begin anew.
        if (one.nodeIsUp) this.#load(one);
        return `the node of ${one.name} is ${one.nodeIsUp ? "up" : "down"}`;
      case 2: {
        const served = this.serving();
        served.delete(one.name);
        const enough = disaster ? served.size > 0 : served.size >= quorumOf(this.voters);
        if (!enough || one.volume !== "present") return "nothing";
        one.volume = random.chance(0.5) ? "lost" : "absent";
        one.data = undefined;
        one.process = { kind: "absent" };
        // Its certificate is kept elsewhere, and so is not lost with it.
        return `the volume of ${one.name} is lost`;
      }
      case 3: {
        const id = one.data?.memberId;
        const isVoter = this.list.some((each) => each.memberId === id && !each.isLearner);
        if (id === undefined || !isVoter || this.voters < 3 || this.serving().size < this.voters) {
          return "nothing";
        }
        if (this.alarms.length > 0) return "nothing";
        this.alarms.push({ memberId: id, kind: "corrupt" });
        return `${one.name} is corrupt`;
      }
      case 4: {
        const id = one.data?.memberId;
        if (id === undefined || !this.hasQuorum() || this.alarms.length > 0) return "nothing";
        this.alarms.push({ memberId: id, kind: "nospace" });
        return `${one.name} is full`;
      }
      default: {
        const replicas = random.chance(0.1) ? 0 : 1 + random.below(6);
        this.wanted = { ...this.wanted, replicas };
        if (random.chance(0.3)) this.#want(template(random));
        if (this.wanted.peers !== undefined && random.chance(0.2)) {
          const scheme = this.wanted.peers.scheme === "https" ? "http" : "https";
          this.#want(this.wanted.template, scheme);
        }
        if (this.wanted.clients !== undefined && random.chance(0.4)) {
          // As admission has it: TLS comes and goes beside plain text.
          const isBoth = portOf(this.wanted) === "both";
          const port = isBoth ? (random.chance(0.5) ? "plain" : "secure") : "both";
          this.wanted = { ...this.wanted, ...listening(port, this.wanted) };
        }
        if (random.chance(0.1)) this.wanted = { ...this.wanted, paused: !this.wanted.paused };
        if (random.chance(0.1)) {
          this.wanted = { ...this.wanted, volumeBytes: (this.wanted.volumeBytes ?? 0) + 1 };
        }
        const { certificates } = this.wanted;
        if (certificates !== undefined && random.chance(0.05)) {
          const asked = { ...certificates, request: String(this.nowMs) };
          this.wanted = { ...this.wanted, certificates: asked };
        }
        return `wanted: ${replicas} of ${this.wanted.template.id}, paused ${this.wanted.paused}`;
      }
    }
  }

  /** From here on nothing bad happens, and what is wanted can be had. */
  calm(replicas: number): void {
    this.#isCalm = true;
    for (const machine of this.machines.values()) {
      if (!machine.nodeIsUp) this.#load(machine);
      machine.nodeIsUp = true;
    }
    const { certificates } = this.wanted;
    this.wanted = {
      ...this.wanted,
      replicas,
      paused: false,
      // From here on nothing ends in the time that is left.
      ...(certificates === undefined
        ? {}
        : { certificates: { ...certificates, validityMs: 10 ** 12 } }),
    };
    this.#want(goodTemplate("final"));
  }

  #want(template: Template, scheme = this.wanted.peers?.scheme): void {
    const { clients } = this.wanted;
    const wanted = {
      ...this.wanted,
      ...(scheme === undefined ? { template } : speaking(scheme, template)),
    };
    const listens = clients === undefined ? {} : listening(portOf(this.wanted), wanted);
    this.wanted = { ...wanted, ...listens };
  }
}

export function goodTemplate(id: string): Template {
  return { id, version: "", content: {} };
}

function template(random: Random): Template {
  return goodTemplate(random.chance(0.25) ? badTemplate : `t${random.below(4)}`);
}
