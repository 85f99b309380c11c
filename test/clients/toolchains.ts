// Builds what tests need from other languages: the reference etcd, the client programs, what tests
// HTTP/2 from outside, a whole Kubernetes. Minutes when cold, seconds when cached: `npm run test:toolchains`.
import { referenceReleases } from "#test/cluster/launchers.ts";
import { machineProblem, prepareEndToEnd } from "#test/e2e/body.ts";
import { locateOutsidePrograms } from "#test/http2/outside.ts";
import { locateKubernetes } from "#test/kubernetes/binaries.ts";
import { locateReference } from "#test/reference/reference.ts";
import { build, missingTools, programs } from "./programs.ts";

function seconds(since: number): string {
  return `${((Date.now() - since) / 1000).toFixed(1)} s`;
}

/** What end-to-end cases need is begun so late at the latest; cold it takes some seven minutes. */
const endToEndLatestMs = 5 * 60_000;

let failures = 0;
const started = Date.now();
for (const release of [undefined, ...Object.values(referenceReleases)]) {
  const begun = Date.now();
  const reference = await locateReference(release);
  const name = release === undefined ? "reference" : `reference ${release}`;
  if (typeof reference === "string") {
    failures++;
    console.log(`FAIL ${name}: ${reference}`);
  } else {
    console.log(`ok ${name} (${seconds(begun)})`);
  }
}
{
  const begun = Date.now();
  const outside = await locateOutsidePrograms();
  const name = "http2: h2spec, gRPC for Go's interoperability client";
  if (typeof outside === "string") failures++;
  console.log(
    typeof outside === "string" ? `FAIL ${name}: ${outside}` : `ok ${name} (${seconds(begun)})`,
  );
}
{
  const begun = Date.now();
  const kubernetes = await locateKubernetes();
  if (typeof kubernetes === "string") failures++;
  console.log(
    typeof kubernetes === "string"
      ? `FAIL kubernetes: ${kubernetes}`
      : `ok kubernetes: API server, controller manager (${seconds(begun)})`,
  );
}
for (const program of programs) {
  const begun = Date.now();
  const missing = missingTools(program);
  if (missing.length > 0) {
    console.log(`skip ${program.name}: ${missing.join(", ")} not on PATH`);
    if (process.env["CI"] === "true") failures++;
    continue;
  }
  try {
    const built = await build(program);
    console.log(`ok ${program.name}: ${program.library} (${built ? seconds(begun) : "cached"})`);
  } catch (error) {
    failures++;
    console.log(`FAIL ${program.name}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
{
  const begun = Date.now();
  // On a cold machine the rest has taken its time: these wait for the next run.
  const isLate = begun - started > endToEndLatestMs;
  const problem = isLate ? "the rest took too long" : machineProblem();
  // What is missing fails nothing: e2e says so itself.
  const trouble = problem ?? (await prepareEndToEnd(false));
  const name = "end to end: all of Kubernetes, CoreDNS, helm, a base image";
  console.log(
    trouble === undefined ? `ok ${name} (${seconds(begun)})` : `not made for test/e2e: ${trouble}`,
  );
}
console.log(`toolchains took ${seconds(started)}`);
process.exitCode = failures > 0 ? 1 : 0;
