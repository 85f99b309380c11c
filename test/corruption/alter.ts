// Damage that a disk or a bug does to a member's data: one record of a stopped member is changed, or
// taken away, behind the back of everything that would notice.
import { OperatingError } from "#base/errors.ts";
import { silentLog } from "#base/log.ts";
import { KeyValue } from "#proto/gen/mvcc.ts";
import { openStateFolder } from "#server/backend/state-folder.ts";

/** Alters the newest record of `key` in the folder of a member that does not run. */
export async function alter(dataDir: string, key: string, how: "change" | "delete"): Promise<void> {
  const folder = await openStateFolder({ dataDir, log: silentLog, holder: "a test" });
  try {
    const { backend } = folder;
    const view = backend.scan("key", new Uint8Array(0));
    let found: readonly [Uint8Array, Uint8Array] | undefined;
    for (;;) {
      const records = await view.next(256);
      if (records.length === 0) break;
      for (const record of records) {
        if (Buffer.from(KeyValue.decode(record[1]).key).toString() === key) found = record;
      }
    }
    await view.close();
    if (found === undefined) throw new OperatingError("NO_RECORD", `${dataDir} has no ${key}`);
    const batch = backend.newBatch();
    batch.delete("key", found[0], found[1].length);
    if (how === "change") {
      const changed = Uint8Array.from(found[1]);
      const value = KeyValue.decode(changed).value;
      value[0] = value[0]! ^ 1;
      batch.put("key", found[0], changed);
    }
    await backend.write(batch, { sync: true });
  } finally {
    await folder.close();
  }
}
