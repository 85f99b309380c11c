// npm run test:v2-differential: many more random requests to the v2 API of ours and of etcd 3.4 than
// npm test asks, each round with fresh servers and a seed of its own, and the long history. Options:
//   --rounds 20, --calls 5000 a round, --seed N for the first round; those after it count up.
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "20" },
    calls: { type: "string", default: "5000" },
    seed: { type: "string", default: String(Math.floor(Math.random() * 2 ** 31)) },
  },
});
const rounds = Number(values.rounds);
const calls = Number(values.calls);
const firstSeed = Number(values.seed);
const file = fileURLToPath(new URL("differential.test.ts", import.meta.url));

function round(seed: number, isFirst: boolean): Promise<number> {
  const env = {
    ...process.env,
    V2_SEED: String(seed),
    V2_CALLS: String(calls),
    // The history of a thousand events needs no seed.
    ...(isFirst ? { V2_LONG: "1" } : {}),
  };
  const only = isFirst ? [] : ["--test-name-pattern=random requests"];
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ["--test", ...only, file], { env, stdio: "pipe" });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        output += text;
      });
    }
    child.once("error", reject);
    child.once("close", (code) => {
      if (code !== 0) process.stdout.write(output);
      resolve(code ?? 1);
    });
  });
}

for (let i = 0; i < rounds; i++) {
  const seed = firstSeed + i;
  const code = await round(seed, i === 0);
  const how = code === 0 ? "agree" : "differ";
  process.stdout.write(`round ${i + 1} of ${rounds}, seed ${seed}: ${calls} requests, ${how}\n`);
  if (code !== 0) {
    process.stdout.write(
      `replay: npm run test:v2-differential -- --rounds 1 --calls ${calls} --seed ${seed}\n`,
    );
    process.exit(1);
  }
}
process.stdout.write(`${rounds * calls} requests answered as by etcd 3.4\n`);
