// The network between whole members: raft messages, states and questions are lost, late or cut off.
// A member is reached at the peer URL that the sender knows of it, as its transport was told; one
// that was removed is told so by whoever knows it.
import type { MemberId } from "#base/ids.ts";
import { type Message, MessageType } from "#proto/gen/raft.ts";
import type { Member as MemberRecord } from "#server/membership/member-json.ts";
import { parseMembers } from "#server/membership/member-json.ts";
import type { StateForm } from "#server/peer/ports.ts";
import type { ClusterStage } from "./cluster-stage.ts";
import { overTheWire, type PeerQuestions, type Running, type SimMember } from "./sim-member.ts";

const contactMs = 1000;
const answerTimeoutMs = 5000;

export class ClusterNetwork {
  private readonly stage: ClusterStage;
  private cuts: { readonly side: ReadonlySet<MemberId>; readonly untilMs: number }[] = [];
  private loss = 0;
  private doubling = 0;
  private delayMs = 5;

  constructor(stage: ClusterStage) {
    this.stage = stage;
  }

  changeWeather(): void {
    const { random } = this.stage;
    const rough = random.chance(0.3);
    this.loss = rough ? random.below(20) / 100 : random.below(2) / 100;
    this.doubling = rough ? random.below(10) / 100 : 0;
    this.delayMs = rough ? 1 + random.below(120) : 1 + random.below(10);
  }

  heal(): void {
    this.cuts = [];
    this.loss = 0;
    this.doubling = 0;
    this.delayMs = 5;
  }

  cut(alone: SimMember): void {
    const { random, time } = this.stage;
    this.stage.count("partition");
    const untilMs = time.nowMs + 500 + random.below(8000);
    this.cuts.push({ side: new Set([alone.id]), untilMs });
  }

  /** True if `to` runs and nothing parts the two. */
  reaches(from: MemberId, to: MemberId): boolean {
    const { nowMs } = this.stage.time;
    if (this.stage.member(to)?.isUp !== true) return false;
    return !this.cuts.some((one) => one.untilMs > nowMs && one.side.has(from) !== one.side.has(to));
  }

  /** Who answers where `from` takes this member to be. */
  private dial(from: SimMember, id: MemberId): SimMember | undefined {
    for (const url of from.urlsOf(id) ?? []) {
      const to = this.stage.at(url);
      if (to !== undefined && to.id === id && this.reaches(from.id, id)) return to;
    }
    return undefined;
  }

  /** True if it goes on to call somebody of `ids`, and finds them where it takes them to be. */
  finds(from: SimMember, ids: readonly MemberId[]): boolean {
    return ids.some((id) => from.peers.has(id) && this.dial(from, id) !== undefined);
  }

  /** Whom messages reach: on a connection that either side has made. */
  private connected(from: SimMember, id: MemberId): SimMember | undefined {
    const dialled = this.dial(from, id);
    if (dialled !== undefined) return dialled;
    const to = this.stage.member(id);
    return to?.isUp === true && this.dial(to, from.id) === from ? to : undefined;
  }

  /** As streams do: begun again and again, they tell who is there and who was removed. */
  contactLater(member: SimMember): void {
    const { life } = member;
    life.after(1 + this.stage.random.below(contactMs), () => {
      for (const id of member.peers.keys()) this.contact(member, id);
      this.contactLater(member);
    });
  }

  private contact(from: SimMember, id: MemberId): void {
    const to = this.dial(from, id);
    if (to === undefined) {
      if (this.connected(from, id) === undefined) from.contacts.delete(id);
      return;
    }
    const { life } = from;
    to.enter(({ services }) => {
      if (life.isDead) return;
      if (services.isRemoved(from.id)) this.refuse(from);
      else {
        to.meet(from.id, from.url);
        if (!to.contacts.has(from.id)) to.contacts.set(from.id, to.life.monotonicMs());
        if (!from.contacts.has(id)) from.contacts.set(id, life.monotonicMs());
      }
    });
  }

  /** 410 Gone. */
  private refuse(member: SimMember): void {
    this.stage.count("removed member refused");
    const { life } = member;
    life.after(1 + this.stage.random.below(20), () =>
      member.enter(({ services }) => services.removedFromCluster()),
    );
  }

  send(from: SimMember, messages: readonly Message[]): void {
    const { random } = this.stage;
    for (const message of messages) {
      const id = message.to as MemberId;
      if (from.urlsOf(id) === undefined) {
        this.stage.count("message for one who is no peer");
        continue;
      }
      const to = this.connected(from, id);
      if (to === undefined || random.chance(this.loss)) {
        this.stage.count("message lost");
        if (to === undefined) from.contacts.delete(id);
        if (random.chance(0.5)) {
          from.life.after(random.below(20), () => from.running?.services.reportUnreachable(id));
        }
        continue;
      }
      const sent = overTheWire(message);
      this.carry(from, to, sent);
      // A proposal or a read comes twice only if a client sends it twice.
      if (message.type === MessageType.MsgProp || !random.chance(this.doubling)) continue;
      this.stage.count("message doubled");
      this.carry(from, to, sent);
    }
  }

  private carry(from: SimMember, to: SimMember, message: Message): void {
    const { random, time } = this.stage;
    const lateMs = random.chance(0.01) ? random.below(1500) : 0;
    const { life } = to;
    time.after(1 + random.below(this.delayMs) + lateMs, () => {
      if (to.life !== life) return;
      to.enter(({ services }) => {
        // A stream that was open goes on for a while.
        if (services.isRemoved(from.id) && random.chance(0.8)) this.refuse(from);
        else services.step(message);
      });
    });
  }

  async sendSnapshot(
    from: SimMember,
    message: Message,
    body: AsyncIterable<Uint8Array>,
    form: StateForm,
  ): Promise<boolean> {
    const { random, time } = this.stage;
    const { life } = from;
    const id = message.to as MemberId;
    const sent = overTheWire(message);
    await life.sleep(20 + random.below(300));
    let outcome = false;
    const report = (ok: boolean): void => {
      // Delivered, but to a process that ended before it had made anything of it.
      const believed = ok || random.chance(0.1);
      outcome = believed;
      if (believed && !ok) this.stage.count("state lost, and said to have arrived");
      time.after(random.below(50), () =>
        life.enter(() => from.running?.services.reportSnapshot(id, believed)),
      );
    };
    const to = this.dial(from, id);
    if (to === undefined || random.chance(this.loss)) {
      this.stage.count("state lost");
      report(false);
      return outcome;
    }
    const receiver = to.life;
    const twice = random.chance(0.1);
    if (random.chance(0.1)) this.crashSoon(to);
    if (random.chance(0.05)) this.crashSoon(from);
    const receive = ({ services }: Running, last: boolean): void => {
      services.receiveSnapshot(sent, body, form).then(
        () => {
          if (receiver.isDead) return last ? report(false) : undefined;
          this.stage.count(last ? "state received" : "state doubled");
          services.step(sent);
          if (last) report(true);
        },
        () => report(false),
      );
    };
    to.enter((running) => {
      if (twice) receive(running, false);
      receive(running, true);
    });
    // The body is read by then; a receiver that died says nothing, and the send has failed.
    await life.sleep(1000);
    if (receiver.isDead) report(false);
    return outcome;
  }

  /** Set by the faults: the member crashes within the next moments. */
  crashSoon: (member: SimMember) => void = () => {};

  /** The questions of one member to the one that listens at a URL. */
  questions(from: SimMember): PeerQuestions {
    const ask = async <T>(
      url: string,
      run: (services: Running["services"]) => Promise<T>,
    ): Promise<T> => {
      const { life } = from;
      await life.sleep(1 + this.stage.random.below(this.delayMs));
      const to = this.stage.at(url);
      if (to === undefined || (to !== from && !this.reaches(from.id, to.id))) {
        throw new Error("no connection");
      }
      const answer = await new Promise<T>((resolve, reject) => {
        to.enter(({ services }) => void run(services).then(resolve, reject));
        life.after(answerTimeoutMs, () => reject(new Error("no answer")));
      });
      await life.sleep(1 + this.stage.random.below(this.delayMs));
      return answer;
    };
    const members = async (services: Running["services"]): Promise<readonly MemberRecord[]> =>
      parseMembers(services.membersJson());
    return {
      renewLease: (url, lease) => ask(url, (services) => services.leaseRenew(lease)),
      leaseTimeToLive: (url, request) => ask(url, (services) => services.leaseTimeToLive(request)),
      promote: (url, id, token) =>
        ask(url, async (services) => parseMembers(await services.promote(id, token))),
      members: (url) => ask(url, members),
    };
  }
}
