// Fuzzers by hand: `npm run fuzz -- TARGET --minutes 10`, `--seed N --rounds M` to play again what was
// found; `npm run fuzz` lists the targets.
import { parseArgs } from "node:util";
import { fuzz } from "./target.ts";
import { targets } from "./targets.ts";

const mib = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MiB`;

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      minutes: { type: "string" },
      rounds: { type: "string" },
      seed: { type: "string" },
    },
  });
  const target = targets.find(({ name }) => name === positionals[0]);
  if (target === undefined || positionals.length !== 1) {
    for (const { name, about } of targets) process.stdout.write(`${name.padEnd(16)}${about}\n`);
    process.stdout.write("usage: npm run fuzz -- TARGET [--minutes N] [--seed N] [--rounds N]\n");
    return positionals.length === 0 ? 0 : 1;
  }
  const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
  const rounds = values.rounds === undefined ? Number.POSITIVE_INFINITY : Number(values.rounds);
  const minutes = Number(values.minutes ?? (values.rounds === undefined ? 1 : 1e6));
  const begunMs = performance.now();
  const endsMs = begunMs + minutes * 60_000;
  process.stdout.write(`${target.name} from seed ${seed}\n`);
  let toldMs = begunMs;
  const outcome = await fuzz(target, {
    seed,
    isOver: (done) => done >= rounds || performance.now() >= endsMs,
    progress: (done, tally, held) => {
      if (performance.now() - toldMs < 60_000) return;
      toldMs = performance.now();
      process.stdout.write(`${done} rounds, ${mib(held)}: ${tally}\n`);
    },
  });
  const seconds = Math.round((performance.now() - begunMs) / 1000);
  process.stdout.write(
    `${target.name}: ${outcome.rounds} rounds from seed ${seed} in ${seconds} s, at most ${mib(outcome.mostBytes)}, no finding: ${outcome.tally}\n`,
  );
  return 0;
}

process.exit(await main());
