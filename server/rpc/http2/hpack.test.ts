import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { seededRandom } from "#base/random.ts";
import { CompressionFault, HeaderDecoder } from "./header-decoder.ts";
import { HeaderEncoder, type HeaderList } from "./header-encoder.ts";
import { decodeHuffman } from "./huffman.ts";

const seed = Number(process.env["SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const replay = `SEED=${seed} node --test server/rpc/http2/hpack.test.ts`;

function bytesOf(hex: string): Buffer {
  return Buffer.from(hex.replaceAll(" ", ""), "hex");
}

function decode(decoder: HeaderDecoder, block: Uint8Array): string[] {
  const fields: string[] = [];
  const target = { field: (name: string, value: string) => void fields.push(`${name}: ${value}`) };
  // Behind and before the block lie other bytes, as in a connection.
  const within = Buffer.concat([Buffer.from([0xff]), block, Buffer.from([0xff])]);
  decoder.decode(within, 1, 1 + block.length, target);
  return fields;
}

/** RFC 7541, Appendix C.3 and C.4: three requests on one connection, without and with Huffman. */
const requests = [
  {
    plain: "828684410f7777772e6578616d706c652e636f6d",
    huffman: "828684418cf1e3c2e5f23a6ba0ab90f4ff",
    fields: [":method: GET", ":scheme: http", ":path: /", ":authority: www.example.com"],
  },
  {
    plain: "828684be58086e6f2d6361636865",
    huffman: "828684be5886a8eb10649cbf",
    fields: [
      ":method: GET",
      ":scheme: http",
      ":path: /",
      ":authority: www.example.com",
      "cache-control: no-cache",
    ],
  },
  {
    plain: "828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565",
    huffman: "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
    fields: [
      ":method: GET",
      ":scheme: https",
      ":path: /index.html",
      ":authority: www.example.com",
      "custom-key: custom-value",
    ],
  },
];

describe("blocks of the RFC's appendix", () => {
  for (const form of ["plain", "huffman"] as const) {
    test(form, () => {
      const decoder = new HeaderDecoder(1 << 16);
      for (const request of requests) {
        assert.deepEqual(decode(decoder, bytesOf(request[form])), request.fields);
      }
    });
  }

  test("single fields: indexed, with, without and never indexed", () => {
    for (const [hex, field] of [
      ["400a637573746f6d2d6b65790d637573746f6d2d686561646572", "custom-key: custom-header"],
      ["040c2f73616d706c652f70617468", ":path: /sample/path"],
      ["100870617373776f726406736563726574", "password: secret"],
      ["82", ":method: GET"],
    ] as const) {
      assert.deepEqual(decode(new HeaderDecoder(1 << 16), bytesOf(hex)), [field]);
    }
  });

  test("a table of 256 bytes evicts (C.6)", () => {
    const decoder = new HeaderDecoder(1 << 16);
    const redirect =
      "4882 6402 5885 aec3771a4b 6196 d07abe941054d444a8200595040b8166e082a62d1bff 6e91 9d29ad171863c78f0b97c8e9ae82ae43d3";
    const first = [
      ":status: 302",
      "cache-control: private",
      "date: Mon, 21 Oct 2013 20:13:21 GMT",
      "location: https://www.example.com",
    ];
    assert.deepEqual(decode(decoder, bytesOf(`3fe101 ${redirect}`)), first);
    assert.deepEqual(decode(decoder, bytesOf("4883640effc1c0bf")), [
      ":status: 307",
      ...first.slice(1),
    ]);
    // 307 pushed 302 out: the table holds four fields.
    assert.throws(() => decode(decoder, bytesOf("c2")), CompressionFault);
  });
});

test("blocks that cannot be read", () => {
  for (const [what, hex] of [
    ["index 0", "80"],
    ["an index beyond both tables", "be"],
    ["an integer that does not end", "ff"],
    ["an integer too large", "ffffffffff7f"],
    ["a string beyond its block", "400a6375"],
    ["a name without a value", "4001 61"],
    ["a table larger than allowed", "3fe21f"],
    ["a size update behind a field", "8220"],
    ["padding of eight ones", "4082 1fff 00"],
    ["padding with zeros", "4081 18 00"],
    ["the end-of-string code", "4085 ffffffffff 00"],
  ] as const) {
    assert.throws(() => decode(new HeaderDecoder(1 << 16), bytesOf(hex)), CompressionFault, what);
  }
});

test("fields beyond the limit are left out, and the table goes on", () => {
  const decoder = new HeaderDecoder(80);
  const fields: string[] = [];
  const target = { field: (name: string) => void fields.push(name) };
  const block = bytesOf("400a637573746f6d2d6b65790d637573746f6d2d686561646572 400161 0162");
  assert.equal(decoder.decode(block, 0, block.length, target), false);
  assert.deepEqual(fields, ["custom-key"]);
  assert.deepEqual(decode(new HeaderDecoder(1 << 16), bytesOf("82")), [":method: GET"]);
  // The field that was left out is in the table all the same.
  const next = Buffer.from([0xbe]);
  assert.equal(decoder.decode(next, 0, 1, target), true);
  assert.deepEqual(fields, ["custom-key", "a"]);
});

describe("the encoder", () => {
  const headers: HeaderList = {
    fields: [
      { name: ":status", value: "200" },
      { name: "content-type", value: "application/grpc" },
    ],
    recurs: true,
  };
  const trailers: HeaderList = {
    fields: [
      { name: "grpc-status", value: "0" },
      { name: "grpc-message", value: "" },
    ],
    recurs: true,
  };
  const once: HeaderList = {
    fields: [{ name: "grpc-message", value: "x".repeat(300) }],
    recurs: false,
  };

  function roundTrip(encoder: HeaderEncoder, lists: readonly HeaderList[]): number[] {
    const decoder = new HeaderDecoder(1 << 16);
    return lists.map((list) => {
      const block = encoder.encode(list);
      assert.deepEqual(
        decode(decoder, block),
        list.fields.map(({ name, value }) => `${name}: ${value}`),
      );
      return block.length;
    });
  }

  test("recurring lists shrink to a byte a field", () => {
    const sizes = roundTrip(new HeaderEncoder(), [
      headers,
      trailers,
      once,
      headers,
      trailers,
      headers,
    ]);
    assert.deepEqual(sizes.slice(3), [2, 2, 2]);
  });

  test("a client without a table gets none", () => {
    const encoder = new HeaderEncoder();
    encoder.limit(0);
    const sizes = roundTrip(encoder, [headers, trailers, headers, trailers]);
    assert.ok(sizes.every((size) => size > 10));
  });

  test("a client that takes its table away is told, and gets none", () => {
    const encoder = new HeaderEncoder();
    const decoder = new HeaderDecoder(1 << 16);
    decode(decoder, encoder.encode(headers));
    encoder.limit(100);
    const block = encoder.encode(headers);
    assert.equal(block[0], 0x20);
    assert.deepEqual(decode(decoder, block), [":status: 200", "content-type: application/grpc"]);
    assert.deepEqual(decode(decoder, encoder.encode(headers)).length, 2);
  });
});

test("whatever bytes come, they are read or refused", () => {
  const random = seededRandom(seed);
  for (let round = 0; round < 3000; round++) {
    const block = Buffer.from(Array.from({ length: random.below(60) }, () => random.below(256)));
    try {
      decode(new HeaderDecoder(200), block);
      decodeHuffman(block, 0, block.length);
    } catch (error) {
      assert.ok(error instanceof CompressionFault, `${String(error)}; ${replay}`);
    }
  }
});
