// Clients: writes that must be applied as they were acknowledged, reads that must see what was
// committed when they were asked for.
import { uint64Bytes } from "#base/bytes.ts";
import { proposalData, type SimNode } from "./sim-node.ts";
import type { Stage } from "./stage.ts";

const lastWriteId = 0;

export class Traffic {
  /** The one write that must go through once all faults have ceased. */
  appliedLastWrite = false;
  private readonly stage: Stage;
  private readonly proposals = new Map<string, { node: SimNode; life: number }>();
  private readonly reads = new Map<bigint, { node: SimNode; life: number; wanted: number }>();
  private nextId = 1;

  constructor(stage: Stage) {
    this.stage = stage;
  }

  write(): void {
    const node = this.stage.pick(this.stage.up());
    const data = proposalData(this.nextId++);
    node?.input((raw) => {
      if (raw.propose(data) !== "ok") return;
      this.proposals.set(keyOf(data), { node, life: node.life });
    });
  }

  /** Without it nothing shows that the cluster lives. */
  writeLast(): void {
    this.stage.leader()?.input((raw) => void raw.propose(proposalData(lastWriteId)));
  }

  applied(node: SimNode, data: Uint8Array): void {
    const key = keyOf(data);
    if (key === lastWrite) this.appliedLastWrite = true;
    const proposal = this.proposals.get(key);
    if (proposal === undefined || proposal.node !== node) return;
    this.proposals.delete(key);
    if (proposal.life === node.life) this.stage.counters.add("write acknowledged");
  }

  read(): void {
    const { checkers } = this.stage;
    const node = this.stage.pick(this.stage.up());
    const id = BigInt(this.nextId++);
    node?.input((raw) => {
      // Asked for now: whatever is committed by now must be seen.
      const wanted = checkers.highestCommitted;
      if (raw.readIndex(uint64Bytes(id)) !== "ok") return;
      this.reads.set(id, { node, life: node.life, wanted });
    });
  }

  readAnswered(node: SimNode, context: Uint8Array, index: number): void {
    const { checkers, counters } = this.stage;
    const id = new DataView(context.buffer, context.byteOffset, 8).getBigUint64(0);
    const read = this.reads.get(id);
    if (read === undefined || read.node !== node || read.life !== node.life) return;
    this.reads.delete(id);
    checkers.read(node.id, index, read.wanted);
    counters.add(
      node.role === "leader" ? "read answered by the leader" : "read answered to a follower",
    );
  }
}

function keyOf(data: Uint8Array): string {
  return Buffer.from(data).toString("latin1");
}

const lastWrite = keyOf(proposalData(lastWriteId));
