// npm run test:containers: what tutorials of etcd tell to type into docker (three members with single-dash
// flags on a bridge network of their own, and etcdctl in each), and the members of compose.yaml. docker is the
// file beside this one, so that no daemon is needed, but root on Linux, runc, and docker or buildah to build
// the image. Not in .ci/run for that.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { eventually } from "#test/cluster/eventually.ts";
import { freePorts } from "#test/reference/reference.ts";
import { Shell } from "./shell.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const network = "172.29.5";
const address = (at: number): string => `${network}.1${at}`;

interface Docker {
  readonly image: string;
  /** Runs a line that must not fail; what it printed. */
  said(line: string): Promise<string>;
}

/** A docker with the image and the network `mynet2`; `names` are taken away at the end. */
async function startDocker(t: TestContext, names: readonly string[]): Promise<Docker | undefined> {
  if (process.platform !== "linux" || process.getuid?.() !== 0) {
    t.skip("needs root on Linux");
    return undefined;
  }
  const built = execFileSync(join(root, "images/build.sh"), { encoding: "utf8" });
  const [, image = "", archive = ""] = /^store (\S+) (\S+)$/m.exec(built) ?? [];
  const folder = mkdtempSync(join(tmpdir(), "tutorial-"));
  const shell = new Shell(folder);
  for (const name of ["bin", "state"]) mkdirSync(join(folder, name));
  symlinkSync(join(root, "test/tutorial/docker"), join(folder, "bin/docker"));
  const env = {
    PATH: `${folder}/bin:${root}/bin:${root}/node_modules/.bin:${process.env["PATH"]}`,
    DOCKER_STATE: join(folder, "state"),
    IMAGE_ARCHIVE: archive,
  };
  t.after(async () => {
    await shell.run(`docker rm -f ${names.join(" ")}; docker network rm mynet2`, env);
    rmSync(folder, { recursive: true, force: true });
  });
  const said = async (line: string): Promise<string> => {
    const { code, text } = await shell.run(line, env);
    assert.equal(code, 0, `${line}\n${text}`);
    return text;
  };
  await said(`docker network create --driver bridge --subnet ${network}.0/24 mynet2`);
  return { image, said };
}

/** Every member lists three, and what one is told the others know, from inside and by the published ports. */
async function checkMembers(
  { said }: Docker,
  names: readonly string[],
  ports: readonly number[],
): Promise<void> {
  for (const name of names) {
    await eventually(`${name} knows all three`, async () => {
      const list = await said(`docker exec -it ${name} etcdctl member list`);
      assert.match(list, /^(?:[0-9a-f]+, started, \w+[123], .*\n){3}$/);
    });
    const version = await said(`docker exec -e ETCDCTL_API=2 -it ${name} etcdctl -v`);
    assert.match(version, /API version: 2/);
  }
  const [first, , third] = names;
  await said(`docker exec -it ${first} etcdctl put greeting 'from a container'`);
  const read = await said(`docker exec -it ${third} etcdctl get greeting`);
  assert.equal(read, "greeting\nfrom a container\n");
  for (const port of ports) {
    await eventually("the published ports are there", async () => {
      const outside = await said(`etcdctl --endpoints 127.0.0.1:${port} get greeting`);
      assert.equal(outside, "greeting\nfrom a container\n");
    });
  }
}

test("three containers on a bridge network", { timeout: 600_000 }, async (t) => {
  const names = ["node1", "node2", "node3"];
  const docker = await startDocker(t, names);
  if (docker === undefined) return;
  const ports = await freePorts(6);
  const all = names.map((name, i) => `${name}=http://${address(i + 1)}:2380`).join(",");
  for (const [i, name] of names.entries()) {
    const own = `http://${address(i + 1)}`;
    // The tutorial's line, with the image's name, a subnet that nobody else has, and ports that are free.
    await docker.said(
      `docker run -d -p ${ports[i]}:2379 -p ${ports[i + 3]}:2380 --name ${name} --network=mynet2 --ip ${address(i + 1)} ${docker.image} etcd -name ${name} -advertise-client-urls ${own}:2379 -initial-advertise-peer-urls ${own}:2380 -listen-client-urls http://0.0.0.0:2379 -listen-peer-urls http://0.0.0.0:2380 -initial-cluster-token etcd-cluster -initial-cluster "${all}" -initial-cluster-state new`,
    );
  }
  await checkMembers(docker, names, ports.slice(0, 3));
});

interface Compose {
  readonly services: Readonly<
    Record<string, { readonly environment: Readonly<Record<string, string>> }>
  >;
}

test("the members of compose.yaml", { timeout: 600_000 }, async (t) => {
  const text = readFileSync(join(root, "compose.yaml"), "utf8");
  const { services } = parse(text, { merge: true }) as Compose;
  const names = Object.keys(services);
  assert.equal(names.length, 3);
  const docker = await startDocker(t, names);
  if (docker === undefined) return;
  const ports = await freePorts(3);
  for (const [i, name] of names.entries()) {
    const variables = Object.entries(services[name]!.environment);
    const environment = variables.map(([key, value]) => `-e ${key}=${value}`).join(" ");
    await docker.said(
      `docker run -d -p ${ports[i]}:2379 ${environment} --name ${name} --network=mynet2 --ip ${address(i + 1)} ${docker.image}`,
    );
  }
  await checkMembers(docker, names, ports);
});
