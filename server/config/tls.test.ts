import assert from "node:assert/strict";
import { test } from "node:test";
import { cipherSuites } from "./cipher-suites.ts";
import { parseServerConfig } from "./config.ts";

const listen = (client: string, peer = "http://127.0.0.1:1") => [
  `--listen-client-urls=${client}`,
  "--advertise-client-urls=http://127.0.0.1:2",
  `--listen-peer-urls=${peer}`,
];
const pair = ["--cert-file=c", "--key-file=k"];
const peerPair = ["--peer-cert-file=c", "--peer-key-file=k"];

function parse(argv: readonly string[]) {
  return parseServerConfig({ argv, env: {}, readFile: () => assert.fail("no file was named") });
}

test("what cannot be meant is refused", () => {
  const https = "https://127.0.0.1:2";
  const rows: readonly (readonly [readonly string[], RegExp])[] = [
    [
      ["--tls-min-version=TLS1.1"],
      /^unexpected TLS version "TLS1.1" \(must be one of: TLS1.2, TLS1/,
    ],
    [["--tls-max-version=x"], /^unexpected TLS version "x"/],
    [
      ["--tls-min-version=TLS1.3", "--tls-max-version=TLS1.2"],
      /^min version \(TLS1.3\) is greater than max version \(TLS1.2\)$/,
    ],
    [
      ["--tls-min-version=TLS1.3", "--cipher-suites=TLS_AES_128_GCM_SHA256"],
      /^cipher suites cannot be configured when only TLS1.3 is enabled$/,
    ],
    [
      ["--cipher-suites=ECDHE-RSA-AES128-SHA"],
      /^unexpected TLS cipher suite "ECDHE-RSA-AES128-SHA"$/,
    ],
    [["--cipher-suites=TLS_RSA_WITH_RC4_128_SHA"], /^no TLS cipher suite is left/],
    [["--cert-file=c"], /^KeyFile and CertFile must both be present\[key: , cert: c\]/],
    [
      ["--peer-key-file=k"],
      /^KeyFile and CertFile must both be present\[key: k, cert: \].*--peer-/,
    ],
    [
      ["--client-cert-file=c"],
      /^ClientKeyFile and ClientCertFile must both be present or both absent/,
    ],
    [["--peer-client-key-file=c"], /^ClientKeyFile .*--peer-client-cert-file/],
    [["--peer-cert-allowed-cn=a", "--peer-cert-allowed-hostname=b"], /mutually exclusive$/],
    [
      listen(https),
      /^TLS key\/cert \(--cert-file, --key-file\) must be provided for client url https:\/\/127.0.0.1:2 with/,
    ],
    [
      ["--listen-peer-urls=https://127.0.0.1:2"],
      /^TLS key\/cert \(--peer-cert-file, .*for peer url/,
    ],
    [
      ["--listen-client-http-urls=https://127.0.0.1:2"],
      /^TLS key\/cert \(--cert-file, --key-file\) must be provided for client url/,
    ],
    [
      [...listen(https), ...pair, "--client-cert-auth"],
      /^--client-cert-auth needs --trusted-ca-file/,
    ],
    [
      [...listen("http://127.0.0.1:2", https), ...peerPair, "--peer-client-cert-auth"],
      /^--peer-client-cert-auth needs --peer-trusted-ca-file/,
    ],
    [
      ["--auto-tls", "--trusted-ca-file=ca"],
      /^--auto-tls makes a certificate that nobody else's can be/,
    ],
    [["--peer-auto-tls", "--peer-client-cert-auth"], /^--peer-auto-tls makes/],
    [["--auto-tls", "--self-signed-cert-validity=0"], /^selfSignedCertValidity is invalid/],
  ];
  for (const [argv, want] of rows) {
    const result = parse(argv);
    assert.match(result.kind === "error" ? result.message : result.kind, want, argv.join(" "));
  }
});

test("what has no effect is warned about", () => {
  const rows: readonly (readonly [readonly string[], string])[] = [
    [
      [...listen("http://127.0.0.1:2"), ...pair],
      "scheme is http or unix while key and cert files are present; ignoring key and cert files",
    ],
    [
      [...listen("http://127.0.0.1:2"), "--client-cert-auth", "--trusted-ca-file=ca"],
      "scheme is http or unix while --client-cert-auth is enabled; ignoring client cert auth for this URL",
    ],
    [peerPair, "scheme is HTTP while key and cert files are present; ignoring key and cert files"],
    [[...peerPair, "--peer-auto-tls"], "ignoring peer auto TLS since certs given"],
    [
      ["--cipher-suites=TLS_RSA_WITH_RC4_128_SHA,TLS_RSA_WITH_AES_128_CBC_SHA"],
      "OpenSSL has these cipher suites no more",
    ],
  ];
  for (const [argv, want] of rows) {
    const result = parse(argv);
    assert(result.kind === "run", JSON.stringify(result));
    assert.ok(
      result.warnings.some((one) => one.message === want),
      JSON.stringify(result.warnings),
    );
  }
});

test("what is meant", () => {
  const result = parse([
    ...listen("https://127.0.0.1:2,unixs:///s", "https://[::1]:1"),
    ...pair,
    "--trusted-ca-file=ca",
    ...peerPair,
    "--peer-trusted-ca-file=pca",
    "--peer-client-cert-auth",
    "--peer-cert-allowed-cn=a,b",
    "--tls-max-version=TLS1.2",
  ]);
  assert(result.kind === "run", JSON.stringify(result));
  const { tls } = result.config;
  // A CA is enough to ask for certificates; only the switch makes users of them.
  assert.deepEqual([tls.client.asksForCertificate, tls.client.namesUsers], [true, false]);
  assert.deepEqual([tls.peer.allowedNames, tls.peer.checksAddress], [["a", "b"], true]);
  assert.deepEqual([tls.minVersion, tls.maxVersion], ["TLSv1.2", "TLSv1.2"]);
});

test("cipher suites by IANA's names", () => {
  const names = ["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305"];
  const newest = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
  const found = cipherSuites(names);
  assert.equal(
    found.ok && found.ciphers,
    `${newest}:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-CHACHA20-POLY1305`,
  );
  assert.deepEqual(cipherSuites([]), { ok: true, ciphers: undefined, missing: [] });
});
