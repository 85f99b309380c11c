// version: the API level as the reference prints it, and this project's own version.
import { readFileSync } from "node:fs";
import type { Command } from "#ctl/command.ts";
import { apiVersion } from "#ctl/versions.ts";

export const command: Command = {
  usage: "",
  description:
    "Prints the version of etcd whose behaviour this is, the API version, and the version of etcd-ts.",
  examples: ["etcdctl version"],
  flags: [],
  async run({ terminal }) {
    const manifest = JSON.parse(
      readFileSync(new URL("../../package.json", import.meta.url), "utf8"),
    ) as { version: string };
    terminal.out(`etcdctl version: ${apiVersion.etcd}\n`);
    terminal.out(`API version: ${apiVersion.api}\n`);
    terminal.out(`etcd-ts version: ${manifest.version}\n`);
  },
};
