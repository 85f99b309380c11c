// Lets a member of some version fill a data folder, and prints what it then holds as JSON: what every
// later version must find in it. Usage: node test/upgrade/make-data.ts ETCD_FILE DATA_DIR
import { seededRandom } from "#base/random.ts";
import { systemClock } from "#base/system-clock.ts";
import { EtcdClient } from "#client/client.ts";
import { held } from "./held.ts";
import { startMember } from "./kept-version.ts";

const [file, dataDir] = process.argv.slice(2);
if (file === undefined || dataDir === undefined) {
  console.error("usage: make-data.ts ETCD_FILE DATA_DIR");
  process.exit(2);
}
const member = await startMember(file, dataDir);
const client = new EtcdClient({
  endpoints: [member.endpoint],
  clock: systemClock,
  random: seededRandom(1),
});
const { kv, lease } = client;
for (let i = 0; i < 600; i++) await kv.put(`key/${i % 300}`, `value ${i}`);
const granted = await lease.grant(1_000_000, 0x1234_5678_9abcn);
const id = granted.ID;
for (let i = 0; i < 20; i++) await kv.put(`leased/${i}`, "1", { lease: id });
await kv.delete("key/7");
const { header } = await kv.delete("key/10", { rangeEnd: Buffer.from("key/11") });
await kv.compact(header!.revision, { physical: true });
for (let i = 0; i < 50; i++) await kv.put(`late/${i}`, Buffer.alloc(100, i));
await kv.delete("late/3");
console.log(JSON.stringify(await held(client), undefined, 2));
client.close();
await member.stop();
process.exit(0);
