// Whether a member's peer port answers as the others will ask it, before they are told to. Members look up whose an
// address is, so that the operator, which has none of theirs, gets no further than the handshake: that shows whether
// the certificate is one that they accept of a server, and what it says of itself whether they accept it of a client.
import { X509Certificate } from "node:crypto";
import { request } from "node:http";
import { connect } from "node:tls";
import { errorText } from "#base/errors.ts";
import type { ObservedMember, PeerScheme } from "#operator/plan/types.ts";

const timeoutMs = 3000;
/** Extended key usage of clients (RFC 5280 §4.2.1.12). */
const clientUsage = "1.3.6.1.5.5.7.3.2";

/** What a member mounts for its peer port; PEM. */
export interface PeerMaterial {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

export interface PeerPort {
  /** Without brackets. */
  readonly address: string;
  readonly port: number;
  /** The name by which the others dial it. */
  readonly name: string;
}

/** Asks by this scheme; `material` is what is needed for https. */
export async function askPeerPort(
  where: PeerPort,
  scheme: PeerScheme,
  material: PeerMaterial | undefined,
): Promise<NonNullable<ObservedMember["peerPort"]>> {
  try {
    if (scheme === "http") await answersPlain(where);
    else await answersTls(where, material);
    return { kind: "served" };
  } catch (error) {
    return { kind: "failed", message: errorText(error) };
  }
}

function answersPlain({ address: host, port }: PeerPort): Promise<void> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(timeoutMs);
    const call = request({ host, port, path: "/version", agent: false, signal }, (answer) => {
      answer.resume();
      if (answer.statusCode === 200) resolve();
      else reject(new Error(`it answered ${answer.statusCode}`));
    });
    call.on("error", reject);
    call.end();
  });
}

async function answersTls(
  { address: host, port, name: servername }: PeerPort,
  material: PeerMaterial | undefined,
): Promise<void> {
  if (material === undefined) throw new Error("its certificate is not there yet");
  const { keyUsage } = new X509Certificate(material.cert);
  // Node calls extended usages so.
  if (keyUsage !== undefined && !keyUsage.includes(clientUsage)) {
    throw new Error("its certificate is for servers only: members show it as clients too");
  }
  await new Promise<void>((resolve, reject) => {
    const socket = connect({ host, port, servername, ...material, allowPartialTrustChain: true });
    socket.setTimeout(timeoutMs, () => socket.destroy(new Error("it does not answer")));
    socket.once("secureConnect", () => {
      resolve();
      socket.destroy();
    });
    socket.on("error", reject);
  });
}
