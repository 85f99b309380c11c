// What the API asks of users and permissions, answered from the member's state; passwords are hashed
// elsewhere, for that takes longer than a turn may (facts: apply rules §7).
import type { LeaseId } from "#base/ids.ts";
import { EtcdError, etcdError } from "#proto/errors.ts";
import type { TxnRequest } from "#proto/gen/kv.ts";
import type { ApiAuth } from "#server/api/member.ts";
import { leaseWriteRefusal, txnRefusal } from "#server/apply/auth.ts";
import { type Identity, nobody } from "#server/auth/tokens.ts";
import type { Member } from "#server/node/member.ts";

/** bcrypt, off the main thread; server/credentials/password-worker.ts is one. */
export interface Passwords {
  /** Rejects with EtcdError: the password is too long, or too many ask at once. */
  hash(password: string): Promise<string>;
  /** False for another password or what is no hash. Rejects with EtcdError: too many ask at once. */
  matches(password: string, hash: string): Promise<boolean>;
}

export class NodeAuth implements ApiAuth {
  private readonly member: Member;
  private readonly passwords: Passwords;

  constructor(member: Member, passwords: Passwords) {
    this.member = member;
    this.passwords = passwords;
  }

  private get store() {
    return this.member.parts.auth;
  }

  get isEnabled(): boolean {
    return this.store.isEnabled;
  }

  get revision(): number {
    return this.store.revision;
  }

  identify(token: string): Identity | Promise<Identity> {
    const { store } = this;
    const known = store.tokens.identify(token, store.revision);
    if (known !== undefined) return known;
    const index = store.tokens.awaitedIndex(token);
    if (index <= this.member.applyTurn.appliedIndex) throw etcdError("invalidAuthToken");
    return this.identifyLater(token, index);
  }

  private async identifyLater(token: string, index: number): Promise<Identity> {
    const { store } = this;
    try {
      // etcd waits as long as the client does.
      await this.member.appliedUpTo(index, this.member.parts.timings.requestTimeoutMs);
    } catch {
      throw etcdError("invalidAuthToken");
    }
    const known = store.tokens.identify(token, store.revision);
    if (known === undefined) throw etcdError("invalidAuthToken");
    return known;
  }

  adminRefusal(who: Identity | undefined): EtcdError | undefined {
    return this.store.adminRefusal(who);
  }

  readRefusal(
    who: Identity | undefined,
    key: Uint8Array,
    rangeEnd: Uint8Array,
  ): EtcdError | undefined {
    return this.store.refusal(who, "read", key, rangeEnd);
  }

  txnRefusal(who: Identity | undefined, request: TxnRequest): EtcdError | undefined {
    return txnRefusal(this.context, who ?? nobody, request);
  }

  renewalRefusal(who: Identity | undefined, lease: LeaseId): EtcdError | undefined {
    return leaseWriteRefusal(this.context, who, lease);
  }

  leasesRefusal(who: Identity | undefined, leases: readonly bigint[]): EtcdError | undefined {
    const { auth, leases: lessor } = this.context;
    if (auth.adminRefusal(who) === undefined) return undefined;
    for (const lease of leases) {
      for (const key of lessor.keysOf(lease as LeaseId) ?? []) {
        const refused = auth.refusal(who, "read", key);
        if (refused !== undefined) return refused;
      }
    }
    return undefined;
  }

  private get context() {
    const { auth, lessor } = this.member.parts;
    return { auth, leases: lessor };
  }

  tokenPrefix(): string {
    return this.store.tokens.prefix();
  }

  async checkPassword(name: string, password: string): Promise<number> {
    const stored = this.store.passwordOf(name);
    if (stored instanceof EtcdError) throw stored;
    if (!(await this.passwords.matches(password, stored.hash))) throw etcdError("authFailed");
    return stored.revision;
  }

  hashPassword(password: string): Promise<string> {
    return this.passwords.hash(password);
  }
}
