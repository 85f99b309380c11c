import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLog } from "#base/log.ts";
import { etcdError } from "#proto/errors.ts";
import { Downgrades } from "#server/node/downgrades.ts";
import type { Member } from "#server/node/member.ts";

class Rig {
  clusterVersion: string | undefined = "3.7.0";
  enabled = false;
  prove: () => Promise<void> = () => Promise.resolve();
  readonly proposed: unknown[] = [];
  readonly downgrades: Downgrades;

  constructor() {
    const rig = this;
    this.downgrades = new Downgrades({
      parts: {
        log: silentLog,
        members: {
          get clusterVersion() {
            return rig.clusterVersion;
          },
          get downgrade() {
            return { enabled: rig.enabled, targetVersion: rig.enabled ? "3.6.0" : "" };
          },
        },
      },
      linearize: () => this.prove(),
      proposer: {
        propose: async (kind: string, payload: unknown) => void this.proposed.push([kind, payload]),
      },
    } as unknown as Member);
  }
}

test("begins with the target as a cluster version, and ends with none", async () => {
  const rig = new Rig();
  assert.equal(await rig.downgrades.enable("3.6.9"), "3.7");
  rig.enabled = true;
  rig.clusterVersion = "3.6.0";
  assert.equal(await rig.downgrades.cancel(), "3.6");
  assert.deepEqual(rig.proposed, [
    ["downgradeInfoSet", { enabled: true, ver: "3.6.0" }],
    ["downgradeInfoSet", { enabled: false, ver: "" }],
  ]);
});

test("is judged by what was committed before it, not by what was known here", async () => {
  const rig = new Rig();
  rig.prove = async () => {
    rig.enabled = true;
  };
  await assert.rejects(rig.downgrades.enable("3.6"), /job in progress/);
  assert.deepEqual(rig.proposed, []);
});

test("without a cluster version there is nothing to downgrade", async () => {
  const rig = new Rig();
  rig.clusterVersion = undefined;
  await assert.rejects(rig.downgrades.validate("3.6"), /cluster version not found/);
});

test("a cancel that could not be judged is no success", async () => {
  const rig = new Rig();
  rig.prove = () => Promise.reject(etcdError("timeout"));
  await assert.rejects(rig.downgrades.cancel(), /request timed out/);
});
