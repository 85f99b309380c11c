// `npm run check`: everything that must hold before a commit, in under a minute. Steps run two at a
// time; the output of those that fail is printed, then a table of all.
import { spawn } from "node:child_process";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");
const bin = (name: string) => join(root, "node_modules", ".bin", name);

interface Step {
  readonly name: string;
  readonly command: readonly string[];
}

const node = [process.execPath, "--disable-warning=ExperimentalWarning"];

/** The longest first, so that two lanes end at about the same time. */
const steps: readonly Step[] = [
  { name: "unit tests", command: [...node, "tools/test.ts", "unit"] },
  { name: "types (tsc)", command: [bin("tsc"), "-p", "."] },
  { name: "format and lint (biome)", command: [bin("biome"), "check", "--error-on-warnings"] },
  { name: "generated files", command: [...node, "tools/gen.ts", "--check"] },
  { name: "rules of the house (tidy)", command: [...node, "tools/tidy.ts"] },
];

interface Outcome {
  readonly name: string;
  readonly passed: boolean;
  readonly seconds: number;
  readonly output: string;
}

function runStep(step: Step): Promise<Outcome> {
  const began = performance.now();
  return new Promise((resolve) => {
    const [file = "", ...args] = step.command;
    const child = spawn(file, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
    const output: string[] = [];
    child.stdout.setEncoding("utf8").on("data", (data: string) => output.push(data));
    child.stderr.setEncoding("utf8").on("data", (data: string) => output.push(data));
    const end = (passed: boolean) =>
      resolve({
        name: step.name,
        passed,
        seconds: (performance.now() - began) / 1000,
        output: output.join(""),
      });
    child.on("error", (error) => {
      output.push(`${file}: ${error.message}\n`);
      end(false);
    });
    child.on("close", (code) => end(code === 0));
  });
}

/** One row a step: name, verdict, seconds. */
export function table(outcomes: readonly Omit<Outcome, "output">[]): string {
  const width = Math.max(...outcomes.map((one) => one.name.length));
  return outcomes
    .map(({ name, passed, seconds }) => {
      const verdict = passed ? "ok    " : "FAILED";
      return `${name.padEnd(width)}  ${verdict}  ${seconds.toFixed(1).padStart(5)} s`;
    })
    .join("\n");
}

async function main(): Promise<void> {
  const queue = [...steps];
  const outcomes: Outcome[] = [];
  const lane = async () => {
    for (let step = queue.shift(); step !== undefined; step = queue.shift()) {
      outcomes.push(await runStep(step));
    }
  };
  await Promise.all([lane(), lane()]);
  for (const { name, passed, output } of outcomes) {
    if (!passed) console.log(`--- ${name}\n${output}`);
  }
  console.log(table(outcomes));
  process.exitCode = outcomes.every((one) => one.passed) ? 0 : 1;
}

if (import.meta.main) await main();
