// Switches authentication on and off in a cluster, as its manifest says: a user root with a password, and where
// clients show certificates a user of the operator's own, who has none. Each step can be done twice and be cut
// off anywhere: what is there already is no error, and authentication goes on last.
import { errorText } from "#base/errors.ts";
import type { AuthClient } from "#client/auth.ts";
import type { CallOptions } from "#client/options.ts";
import { secretText } from "#operator/platform/kubernetes/authorities.ts";
import type { Secret } from "#operator/platform/kubernetes/kinds.ts";
import { type EtcdView, isSecure } from "#operator/platform/local/etcd-view.ts";
import { isEtcdError } from "#proto/errors.ts";

/** What of the client is used. */
export type AuthPort = Pick<
  AuthClient,
  | "status"
  | "enable"
  | "disable"
  | "userAdd"
  | "userGet"
  | "userChangePassword"
  | "userGrantRole"
  | "roleAdd"
>;

export const rootUser = "root";
/** In etcd whoever has this role may do everything. */
const rootRole = "root";

export interface WantedAuth {
  readonly enabled: boolean;
  readonly rootPassword: string;
  /** The operator's own, by the common name of its certificate; undefined: it comes as root. */
  readonly certificateUser: string | undefined;
}

/** Makes it so; says whether something was switched. */
export async function keepAuthentication(
  auth: AuthPort,
  wanted: WantedAuth,
  options: CallOptions,
): Promise<boolean> {
  const { enabled } = await auth.status(options);
  if (!wanted.enabled) {
    if (enabled) await auth.disable(options);
    return enabled;
  }
  if (enabled) return false;
  const { rootPassword, certificateUser } = wanted;
  await unlessThere(auth.roleAdd(rootRole, options));
  await unlessThere(auth.userAdd(rootUser, rootPassword, options));
  // One that was there may have another.
  await auth.userChangePassword(rootUser, rootPassword, options);
  await auth.userGrantRole(rootUser, rootRole, options);
  if (certificateUser !== undefined) await keepCertificateUser(auth, certificateUser, options);
  await auth.enable(options);
  return true;
}

async function unlessThere(what: Promise<unknown>): Promise<void> {
  try {
    await what;
  } catch (error) {
    if (!isEtcdError(error, "userAlreadyExists") && !isEtcdError(error, "roleAlreadyExists")) {
      throw error;
    }
  }
}

/** Sees to it that there is this user, who may do everything and has no password; writes nothing if there is. */
export async function keepCertificateUser(
  auth: AuthPort,
  name: string,
  options: CallOptions,
): Promise<void> {
  try {
    const { roles } = await auth.userGet(name, options);
    if (roles.includes(rootRole)) return;
  } catch (error) {
    if (!isEtcdError(error, "userNotFound")) throw error;
    await unlessThere(auth.userAdd(name, undefined, options));
  }
  await auth.userGrantRole(name, rootRole, options);
}

const timeoutMs = 10_000;

/** What one turn knows. */
export interface AuthTurn {
  readonly etcd: EtcdView;
  /** Client URLs of the members that run. */
  readonly urls: readonly string[];
  readonly enabled: boolean;
  readonly rootSecret: string;
  /** What that Secret holds, if it is there. */
  readonly root: Secret | undefined;
  readonly certificateUser: string | undefined;
  /** A quorum says who the members are. */
  readonly isListed: boolean;
}

/** Of one cluster, kept from turn to turn. */
export class Authentication {
  /** The version of the root Secret that was last seen to hold root's password, and the user that was there. */
  #checked = "";

  /** Makes it so; says what is in the way. */
  async keep(turn: AuthTurn): Promise<string | undefined> {
    const { etcd, urls, enabled, rootSecret, root, certificateUser, isListed } = turn;
    if (urls.length === 0) return undefined;
    const rootPassword = secretText(root, "password");
    if (enabled && rootPassword === "") {
      return `Secret ${rootSecret} holds no password: create it with a key password, or leave out spec.auth.rootPassword`;
    }
    const wrong = `the password in Secret ${rootSecret} is not ${rootUser}'s: put the right one there`;
    // While TLS is switched on or off some may speak plain text, over which only the password says who asks.
    const secure = certificateUser === undefined ? [] : urls.filter(isSecure);
    try {
      if (!isListed) {
        if (secure.length > 0 || rootPassword === "") return undefined;
        return (await etcd.knows(urls, rootUser, rootPassword)) ? undefined : wrong;
      }
      const { auth } = await etcd.asUser(secure.length > 0 ? secure : urls);
      const wanted = { enabled, rootPassword, certificateUser };
      const version = `${root?.metadata.resourceVersion ?? ""}/${certificateUser ?? ""}`;
      if (await keepAuthentication(auth, wanted, { timeoutMs })) {
        // From now on they say who they are, or no longer need to.
        etcd.close();
      } else if (enabled && certificateUser !== undefined && version !== this.#checked) {
        await keepCertificateUser(auth, certificateUser, { timeoutMs });
        if (!(await etcd.knows(urls, rootUser, rootPassword))) {
          await auth.userChangePassword(rootUser, rootPassword, { timeoutMs });
        }
      }
      this.#checked = version;
      return undefined;
    } catch (error) {
      return `authentication cannot be switched ${enabled ? "on" : "off"} yet: ${errorText(error)}`;
    }
  }
}
