// Events and nodes as etcd 3.4 writes them (facts: v2 API §2). Pure.
import type { V2Event, V2Node } from "#proto/gen/extension.ts";
import { textJson } from "#server/v2store/text-json.ts";

/** A node with what it holds; an answer to a read. */
export interface NodeView extends V2Node {
  readonly nodes?: readonly NodeView[];
}

/** RFC 3339 with as many digits of the second as are not zero. */
function timeJson(unixMs: number): string {
  return `"${new Date(unixMs).toISOString().replace(/\.?0*Z$/, "Z")}"`;
}

function nodeJson(node: NodeView): string {
  const fields: string[] = [];
  if (node.key !== "/") fields.push(`"key":${textJson(node.key)}`);
  fields.push(node.dir ? `"dir":true` : `"value":${textJson(node.value)}`);
  if (node.expireMs !== undefined) fields.push(`"expiration":${timeJson(node.expireMs)}`);
  if (node.ttl !== 0) fields.push(`"ttl":${node.ttl}`);
  if (node.nodes !== undefined && node.nodes.length > 0) {
    fields.push(`"nodes":[${node.nodes.map(nodeJson).join(",")}]`);
  }
  if (node.modifiedIndex !== 0) fields.push(`"modifiedIndex":${node.modifiedIndex}`);
  if (node.createdIndex !== 0) fields.push(`"createdIndex":${node.createdIndex}`);
  return `{${fields.join(",")}}`;
}

const withoutNode = new Set(["delete", "compareAndDelete", "expire"]);

function eventNodeJson(action: string, node: V2Node): string {
  if (!withoutNode.has(action)) return nodeJson(node);
  // What was deleted has no value; what it had stands in prevNode.
  const dir = node.dir ? `"dir":true,` : "";
  return `{"key":${textJson(node.key)},${dir}"modifiedIndex":${node.modifiedIndex},"createdIndex":${node.createdIndex}}`;
}

/** An event, or the answer to a write, with its newline; without nodes if asked for. */
export function eventJson(event: V2Event, withoutNodes = false): string {
  const { action, node, prevNode } = event;
  let text = `{"action":"${action}"`;
  if (!withoutNodes) {
    if (node !== undefined) text += `,"node":${eventNodeJson(action, node)}`;
    if (prevNode !== undefined) text += `,"prevNode":${nodeJson(prevNode)}`;
  }
  return `${text}}\n`;
}

/** The answer to a read, with its newline. */
export function readJson(node: NodeView): string {
  return `{"action":"get","node":${nodeJson(node)}}\n`;
}
