// HPACK's Huffman code (RFC 7541 §5.2, Appendix B). The code is canonical: symbols of equal length
// are numbered in their order, so the lengths alone say everything. Decoding goes four bits a step
// through a table of states, as long strings are rare and the table stays small.
import { Buffer } from "node:buffer";
import { assert } from "#base/assert.ts";

/** Bits of the code of each byte; the end-of-string symbol follows with 30. */
const lengths = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28,
  28, 28, 28, 28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5,
  6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
  7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6,
  7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23,
  23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22,
  22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22,
  23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27,
  27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25,
  24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
] as const;
const endOfString = 256;
const noSymbol = -1;

/** One node of the code's tree: two children, or a symbol. */
interface TreeNode {
  readonly children: [TreeNode | undefined, TreeNode | undefined];
  symbol: number;
  /** Number of the state, for nodes inside. */
  state: number;
  /** True if only ones, at most seven, lead here: what a string may be padded with. */
  mayEnd: boolean;
}

function treeNode(mayEnd: boolean): TreeNode {
  return { children: [undefined, undefined], symbol: noSymbol, state: noSymbol, mayEnd };
}

function plant(): TreeNode[] {
  const root = treeNode(true);
  const inner = [root];
  root.state = 0;
  const symbols = [...lengths.keys()].sort((a, b) => lengths[a]! - lengths[b]! || a - b);
  let code = 0;
  let bits = 0;
  for (const symbol of symbols) {
    const length = lengths[symbol]!;
    code *= 2 ** (length - bits);
    bits = length;
    let at = root;
    for (let bit = length - 1; bit >= 0; bit--) {
      const one = Math.floor(code / 2 ** bit) % 2;
      let next = at.children[one];
      if (next === undefined) {
        next = treeNode(at.mayEnd && one === 1 && length - bit <= 7);
        at.children[one] = next;
        if (bit > 0) {
          next.state = inner.length;
          inner.push(next);
        }
      }
      at = next;
    }
    at.symbol = symbol;
    code++;
  }
  return inner;
}

const failed = 0xffff;
const inner = plant();
/** By state × 16 + four bits: the next state, or `failed`. */
const nextState = new Uint16Array(inner.length * 16);
/** By state × 16 + four bits: the byte that these bits complete, plus 1; 0 for none. */
const emitted = new Uint16Array(inner.length * 16);
const mayEnd = Uint8Array.from(inner, (node) => (node.mayEnd ? 1 : 0));

for (const [state, node] of inner.entries()) {
  for (let nibble = 0; nibble < 16; nibble++) {
    let at: TreeNode | undefined = node;
    let byte = 0;
    for (let bit = 3; bit >= 0 && at !== undefined; bit--) {
      at = at.children[((nibble >> bit) & 1) as 0 | 1];
      if (at === undefined || at.symbol === noSymbol) continue;
      if (at.symbol === endOfString) {
        at = undefined;
      } else {
        // No code is shorter than five bits, so four complete one at most.
        byte = at.symbol + 1;
        at = inner[0];
      }
    }
    nextState[state * 16 + nibble] = at === undefined ? failed : at.state;
    emitted[state * 16 + nibble] = byte;
  }
}

let scratch = Buffer.allocUnsafe(1024);

/** The text (latin1) of bytes[start..end), or undefined if they are no Huffman code of a string. */
export function decodeHuffman(bytes: Uint8Array, start: number, end: number): string | undefined {
  // The shortest code has five bits.
  const most = Math.floor(((end - start) * 8) / 5);
  if (scratch.length < most) scratch = Buffer.allocUnsafe(most * 2);
  let length = 0;
  let state = 0;
  for (let at = start; at < end; at++) {
    const byte = bytes[at]!;
    for (let step = 0; step < 2; step++) {
      const index = state * 16 + (step === 0 ? byte >> 4 : byte & 15);
      state = nextState[index]!;
      if (state === failed) return undefined;
      const found = emitted[index]!;
      if (found !== 0) scratch[length++] = found - 1;
    }
  }
  if (mayEnd[state] !== 1) return undefined;
  assert(length <= most, "a Huffman string is longer than its code allows");
  return scratch.toString("latin1", 0, length);
}
