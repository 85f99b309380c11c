// The contract: what a client of etcd may rely on, written once and run against three runners
// (cluster.ts). A case that fails on the reference is wrong; one that fails on ours alone is a bug,
// or a row in docs/compatibility.md. All cases run against all runners: there are no exceptions.
import { after, before, describe } from "node:test";
import { corruptSuite } from "./alarm-cases.ts";
import { authSuite } from "./auth-cases.ts";
import { backgroundSuite } from "./background-cases.ts";
import { type ContractRunner, startContractCluster } from "./cluster.ts";
import { downgradeSuite } from "./downgrade-cases.ts";
import { electionSuite } from "./election-cases.ts";
import { leaseSuite } from "./lease-cases.ts";
import { lockSuite } from "./lock-cases.ts";
import { httpSuite, memberSuite } from "./member-cases.ts";
import { rangeSuite } from "./range-cases.ts";
import { rangeStreamSuite } from "./range-stream-cases.ts";
import { reconfigurationSuite } from "./reconfiguration-cases.ts";
import type { Setting } from "./setting.ts";
import { signedTokenSuite } from "./signed-token-cases.ts";
import { limitSuite, majoritySuite, quotaSuite, restartSuite } from "./small-cases.ts";
import { txnSuite } from "./txn-cases.ts";
import { txnCompareSuite } from "./txn-compare-cases.ts";
import { watchSuite } from "./watch-cases.ts";
import { Wire } from "./wire.ts";
import { followerSuite, wireSuite } from "./wire-cases.ts";
import { writeSuite } from "./write-cases.ts";

/** Declares all cases. */
export function contractSuite(runner: ContractRunner): void {
  let shared: Omit<Setting, "wire"> | undefined;
  function settingVia(role: "leader" | "follower"): () => Setting {
    return () => {
      if (shared === undefined) throw new Error("the cluster has not started");
      return { ...shared, wire: shared.wires[shared[role]]! };
    };
  }

  describe(`contract of three members (${runner})`, () => {
    before(async () => {
      const cluster = await startContractCluster(runner, { size: 3 });
      const wires = cluster.endpoints().map((endpoint) => new Wire(endpoint));
      const statuses = await Promise.all(wires.map((wire) => wire.maintenance.status({})));
      const leader = statuses.findIndex((status) => status.header?.memberId === status.leader);
      shared = { cluster, wires, leader, follower: (leader + 1) % wires.length };
    });
    after(async () => {
      for (const wire of shared?.wires ?? []) wire.close();
      await shared?.cluster.stop();
    });

    for (const role of ["leader", "follower"] as const) {
      describe(`through the ${role}`, () => {
        rangeSuite(settingVia(role));
        rangeStreamSuite(settingVia(role));
        writeSuite(settingVia(role));
        txnCompareSuite(settingVia(role));
        txnSuite(settingVia(role));
        watchSuite(settingVia(role));
        leaseSuite(settingVia(role));
        lockSuite(settingVia(role));
        electionSuite(settingVia(role));
        wireSuite(settingVia(role));
      });
    }
    memberSuite(settingVia("leader"));
    httpSuite(settingVia("leader"));
    followerSuite(settingVia("leader"));
  });

  describe(`contract of limits and losses (${runner})`, () => {
    limitSuite(runner);
    quotaSuite(runner);
    backgroundSuite(runner);
    corruptSuite(runner);
    restartSuite(runner);
    majoritySuite(runner);
    reconfigurationSuite(runner);
    downgradeSuite(runner);
    authSuite(runner);
    signedTokenSuite(runner);
  });
}
