// Maintenance.Downgrade: what may be asked for, what is refused, and what the cluster does then.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { StatusResponse } from "#proto/gen/maintenance.ts";
import { type ContractCluster, type ContractRunner, startContractCluster } from "./cluster.ts";
import { b, freshPrefix, refuses, revisionOf } from "./setting.ts";
import { Wire } from "./wire.ts";

const [validate, enable, cancel] = [0, 1, 2] as const;
const badFormat = "etcdserver: wrong downgrade target version format";
const badTarget = "etcdserver: invalid downgrade target version";
const inProgress = "etcdserver: cluster has a downgrade job in progress";

/** The cases of Maintenance.Downgrade, on a cluster of their own. */
export function downgradeSuite(runner: ContractRunner): void {
  describe("downgrades of two members", () => {
    let cluster: ContractCluster;
    let wires: Wire[] = [];
    before(async () => {
      cluster = await startContractCluster(runner, { size: 2 });
      wires = cluster.endpoints().map((endpoint) => new Wire(endpoint));
      await until((status) => status.storageVersion === "3.7.0");
    });
    after(async () => {
      for (const wire of wires) wire.close();
      await cluster?.stop();
    });
    const ask = (action: 0 | 1 | 2, version = "", at = 0) =>
      wires[at]!.maintenance.downgrade({ action, version });
    /** Until all members' answers are so. */
    async function until(isSo: (status: StatusResponse) => boolean): Promise<void> {
      const endMs = cluster.clock.monotonicMs() + 120_000;
      for (;;) {
        assert.ok(
          cluster.clock.monotonicMs() < endMs,
          "not within two minutes of the members' time",
        );
        const all = await Promise.all(wires.map((wire) => wire.maintenance.status({})));
        if (all.every(isSo)) return;
        await new Promise<void>((resolve) => cluster.clock.after(100, resolve));
      }
    }

    const forms: readonly [version: string, refusal: string | undefined][] = [
      ["", badFormat],
      ["3", badFormat],
      ["x", badFormat],
      ["v3.6", badFormat],
      ["3.6.x", badFormat],
      ["3.6.1.2", badFormat],
      [" 3.6", badFormat],
      ["3.6-rc.1", badFormat],
      ["3.6.0-rc_1", badFormat],
      ["3.6", undefined],
      ["3.6.0", undefined],
      ["3.6.9", undefined],
      ["03.06", undefined],
      ["3.6.0-rc.1", undefined],
      ["3.6.0+build.5", undefined],
      ["3.5", badTarget],
      ["3.7", badTarget],
      ["3.8", badTarget],
      ["2.6", badTarget],
      ["4.6", badTarget],
    ];
    for (const [version, refusal] of forms) {
      test(`${JSON.stringify(version)} is ${refusal === undefined ? "a" : "no"} target`, async () => {
        for (const at of [0, 1]) {
          if (refusal !== undefined) await refuses(ask(validate, version, at), 3, refusal);
          else assert.equal((await ask(validate, version, at)).version, "3.7");
        }
      });
    }

    test("the answer has a header with the revision", async () => {
      const { kv } = wires[0]!;
      const put = await kv.put({ key: b(`${freshPrefix()}a`), value: b("1") });
      assert.equal(revisionOf(await ask(validate, "3.6")), revisionOf(put));
    });

    test("a refused one is not begun", async () => {
      await refuses(ask(enable, "3.5"), 3, badTarget);
      await refuses(ask(enable, "x"), 3, badFormat);
      await refuses(
        wires[0]!.maintenance.downgrade({ action: 9 as never, version: "3.6" }),
        2,
        "etcdserver: unknown method",
      );
      const { downgradeInfo } = await wires[0]!.maintenance.status({});
      assert.equal(downgradeInfo?.enabled ?? false, false);
    });

    test("without one under way there is nothing to cancel, and no error", async () => {
      assert.equal((await ask(cancel)).version, "3.7");
    });

    test("it lowers cluster and storage, and a cancel raises them again", async () => {
      await ask(enable, "3.6.9", 1);
      await until(({ downgradeInfo }) => downgradeInfo?.enabled === true);
      const { downgradeInfo } = await wires[0]!.maintenance.status({});
      assert.equal(downgradeInfo?.targetVersion, "3.6.0");
      await until((status) => status.storageVersion === "3.6.0");
      assert.equal((await wires[0]!.maintenance.status({})).version.slice(0, 3), "3.7");
      const url = `${cluster.members[0]!.clientUrl}/version`;
      assert.match(await (await fetch(url)).text(), /"etcdcluster":"3.6.0","storage":"3.6.0"/);
      // The target is judged first, by the version that the cluster has now.
      for (const action of [validate, enable] as const) {
        await refuses(ask(action, "3.6"), 3, badTarget);
        await refuses(ask(action, "3.5"), 9, inProgress);
      }
      await wires[0]!.kv.put({ key: b(`${freshPrefix()}a`), value: b("1") });

      assert.equal((await ask(cancel)).version, "3.6");
      await until(({ downgradeInfo: info }) => info?.enabled !== true);
      await until((status) => status.storageVersion === "3.7.0");
    });
  });
}
