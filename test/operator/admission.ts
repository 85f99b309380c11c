// The CustomResourceDefinitions on a real API server, over one of our own members: they are structural,
// can be applied twice, and every good and bad manifest of the table is judged as `local` judges it.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, type TestContext, test } from "node:test";
import {
  ApiException,
  ApiextensionsV1Api,
  CustomObjectsApi,
  loadYaml,
  type V1CustomResourceDefinition,
} from "@kubernetes/client-node";
import { definitionFiles, definitions, etcdCluster } from "#operator/api/definitions.ts";
import { apiVersion, group, version } from "#operator/api/parts.ts";
import { judge } from "#operator/api/validate.ts";
import { type Cluster, startCluster } from "#test/cluster/cluster.ts";
import { eventually } from "#test/cluster/eventually.ts";
import { locateKubernetes } from "#test/kubernetes/binaries.ts";
import { type ControlPlane, startControlPlane } from "#test/kubernetes/control-plane.ts";
import { type AdmissionCase, admissionTable } from "./admission-table.ts";

const root = join(import.meta.dirname, "..", "..");
const namespace = "default";

let store: Cluster | undefined;
let plane: ControlPlane | undefined;
let missing: string | undefined;

before(async () => {
  const binaries = await locateKubernetes();
  if (typeof binaries === "string") {
    if (process.env["CI"] === "true") throw new Error(binaries);
    missing = binaries;
    return;
  }
  store = await startCluster({ runner: "ours", size: 1 });
  plane = await startControlPlane(
    binaries,
    store.members.map((member) => member.clientUrl),
  );
});

after(async () => {
  await plane?.[Symbol.asyncDispose]();
  await store?.stop();
});

function planeOrSkip(t: TestContext): ControlPlane | undefined {
  if (missing !== undefined) t.skip(missing);
  return plane;
}

test("the definitions in crds/ are established, structural, and can be applied again", async (t) => {
  const extensions = planeOrSkip(t)?.config.makeApiClient(ApiextensionsV1Api);
  if (extensions === undefined) return;
  for (const [path] of definitionFiles()) {
    // Not merely parsed: the client's classes have other names for some of the keywords.
    const body = loadYaml<V1CustomResourceDefinition>(readFileSync(join(root, path), "utf8"));
    const name = body.metadata?.name ?? "";
    await extensions.createCustomResourceDefinition({ body });
    await eventually(`${name} is established`, async () => {
      const { status } = await extensions.readCustomResourceDefinition({ name });
      const now = new Map(status?.conditions?.map((one) => [one.type, one.status]));
      assert.equal(now.get("Established"), "True");
      assert.equal(now.get("NonStructuralSchema") ?? "False", "False");
    });
    const { metadata } = await extensions.readCustomResourceDefinition({ name });
    const again = {
      ...body,
      metadata: { ...body.metadata, resourceVersion: metadata?.resourceVersion },
    };
    const replaced = await extensions.replaceCustomResourceDefinition({
      name,
      body: again as V1CustomResourceDefinition,
    });
    assert.equal(replaced.metadata?.generation, metadata?.generation, "applied twice, it changes");
  }
  // The endpoint of a new definition may come a moment after its condition.
  const objects = plane!.config.makeApiClient(CustomObjectsApi);
  for (const { plural } of definitions) {
    await eventually(`${plural} are served`, () =>
      objects.listNamespacedCustomObject({ group, version, namespace, plural }),
    );
  }
});

interface Kept {
  readonly metadata: { readonly resourceVersion: string };
  readonly spec: unknown;
}

/** What the server says of the last step of a case: the object, or the error's text. */
async function judgedByServer(
  objects: CustomObjectsApi,
  { kind, spec, update }: AdmissionCase,
  name: string,
): Promise<Kept | string> {
  const { plural } = definitions.find((one) => one.kind === kind)!;
  const at = { group, version, namespace, plural, fieldValidation: "Strict" } as const;
  const body = (inner: unknown, more: object = {}) => ({
    apiVersion,
    kind,
    metadata: { name, ...more },
    spec: inner,
  });
  let kept: Kept;
  try {
    kept = (await objects.createNamespacedCustomObject({ ...at, body: body(spec) })) as Kept;
  } catch (error) {
    if (error instanceof ApiException && update === undefined) return String(error.body);
    throw error;
  }
  if (update === undefined) return kept;
  const { resourceVersion } = kept.metadata;
  try {
    const replaced = await objects.replaceNamespacedCustomObject({
      ...at,
      name,
      body: body(update, { resourceVersion }),
    });
    return replaced as Kept;
  } catch (error) {
    if (error instanceof ApiException) return String(error.body);
    throw error;
  }
}

for (const [at, one] of admissionTable.entries()) {
  const { what, kind, name = `case-${at}`, spec, update, refused } = one;
  test(`${kind}, ${what}: ${refused === undefined ? "good" : "refused"}`, async (t) => {
    const objects = planeOrSkip(t)?.config.makeApiClient(CustomObjectsApi);
    if (objects === undefined) return;
    const answer = await judgedByServer(objects, one, name);
    if (refused === undefined) {
      assert(typeof answer !== "string", String(answer));
      const { schema } = definitions.find((each) => each.kind === kind)!;
      const ours = judge(schema, { metadata: { name }, spec: update ?? spec });
      assert(ours.ok);
      assert.deepEqual(answer.spec, (ours.value as Kept).spec, "defaults differ");
      return;
    }
    assert(typeof answer === "string", "it was accepted");
    assert(answer.includes(refused.field) && answer.includes(refused.message ?? ""), answer);
  });
}

test("the scale subresource changes replicas, within the bounds", async (t) => {
  const objects = planeOrSkip(t)?.config.makeApiClient(CustomObjectsApi);
  if (objects === undefined) return;
  const { plural, kind } = etcdCluster;
  const name = "scaled";
  const at = { group, version, namespace, plural };
  const body = { apiVersion, kind, metadata: { name }, spec: { replicas: 1 } };
  await objects.createNamespacedCustomObject({ ...at, body });
  const scale = (replicas: number) =>
    objects.patchNamespacedCustomObjectScale({
      ...at,
      name,
      body: [{ op: "replace", path: "/spec/replicas", value: replicas }],
    });
  await scale(3);
  const { spec } = (await objects.getNamespacedCustomObject({ ...at, name })) as Kept;
  assert.equal((spec as { replicas: number }).replicas, 3);
  await assert.rejects(scale(99), ApiException);
});
