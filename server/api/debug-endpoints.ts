// What a member tells those who look for faults: /debug/vars, and with --enable-pprof profiles of Node
// below /debug/pprof/. They are Node's own formats, not Go's: Chrome's developer tools and speedscope
// open a .cpuprofile and a .heapprofile.
import type { Session } from "node:inspector/promises";
import type { HttpResponse } from "#server/rpc/limits.ts";

/** The longest CPU profile; what V8 collects for it stays in memory. */
const maxProfileSeconds = 300;
const defaultProfileSeconds = 30;
/** Mean distance of the sampled allocations. */
const heapSampleBytes = 32_768;

/** The text of /debug/vars: one variable a line, as Go's expvar writes them. */
export function debugVars(vars: Readonly<Record<string, unknown>>): string {
  const lines = Object.entries(vars)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${JSON.stringify(name)}: ${JSON.stringify(value)}`);
  return `{\n${lines.join(",\n")}\n}\n`;
}

const index = `<html>
<head><title>/debug/pprof/</title></head>
<body>
<p>Profiles of Node.js; open them in Chrome's developer tools or speedscope.</p>
<ul>
<li><a href="profile?seconds=30">profile</a>: CPU, .cpuprofile</li>
<li><a href="heap?seconds=10">heap</a>: sampled allocations of so many seconds, .heapprofile</li>
<li><a href="cmdline">cmdline</a>: the command line</li>
</ul>
</body>
</html>
`;

/** The profiles of this process; one at a time. */
export class ProfileEndpoints {
  private isBusy = false;

  /** Answers a path below /debug/pprof/. */
  async serve(path: string, query: URLSearchParams, response: HttpResponse): Promise<void> {
    switch (path.slice("/debug/pprof/".length)) {
      case "":
        send(response, 200, "text/html; charset=utf-8", index);
        return;
      case "cmdline":
        send(response, 200, "text/plain; charset=utf-8", process.argv.join("\0"));
        return;
      case "profile":
        await this.record(response, "cpu", query);
        return;
      case "heap":
      case "allocs":
        await this.record(response, "heap", query);
        return;
      default:
        send(response, 404, "text/plain; charset=utf-8", "Unknown profile\n");
    }
  }

  private async record(
    response: HttpResponse,
    kind: "cpu" | "heap",
    query: URLSearchParams,
  ): Promise<void> {
    const text = query.get("seconds");
    const seconds = text === null ? (kind === "cpu" ? defaultProfileSeconds : 1) : Number(text);
    if (!(seconds > 0 && seconds <= maxProfileSeconds)) {
      const limit = `seconds must be more than 0 and at most ${maxProfileSeconds}\n`;
      send(response, 400, "text/plain; charset=utf-8", limit);
      return;
    }
    if (this.isBusy) {
      send(response, 503, "text/plain; charset=utf-8", "another profile is being recorded\n");
      return;
    }
    this.isBusy = true;
    try {
      const profile = await recorded(kind, seconds, response);
      const name = kind === "cpu" ? "etcd.cpuprofile" : "etcd.heapprofile";
      response.setHeader("Content-Disposition", `attachment; filename="${name}"`);
      send(response, 200, "application/octet-stream", JSON.stringify(profile));
    } finally {
      this.isBusy = false;
    }
  }
}

async function recorded(
  kind: "cpu" | "heap",
  seconds: number,
  response: HttpResponse,
): Promise<unknown> {
  const { Session: InspectorSession } = await import("node:inspector/promises");
  const session: Session = new InspectorSession();
  session.connect();
  try {
    if (kind === "cpu") {
      await session.post("Profiler.enable");
      await session.post("Profiler.start");
      await wait(seconds, response);
      return (await session.post("Profiler.stop")).profile;
    }
    await session.post("HeapProfiler.startSampling", { samplingInterval: heapSampleBytes });
    await wait(seconds, response);
    return (await session.post("HeapProfiler.stopSampling")).profile;
  } finally {
    session.disconnect();
  }
}

/** Ends early when the client goes away. */
function wait(seconds: number, response: HttpResponse): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, seconds * 1000);
    response.once("close", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

function send(response: HttpResponse, status: number, type: string, body: string): void {
  response.statusCode = status;
  response.setHeader("Content-Type", type);
  response.setHeader("X-Content-Type-Options", "nosniff");
  response.setHeader("Content-Length", Buffer.byteLength(body));
  response.end(body);
}
