// The way into a member for all that comes from outside: requests, pages, raft messages. While the
// member is paused it waits here, in its order, as it would in the buffers of a kernel; when the
// member is dead nothing gets in.
import type { HttpHandler } from "#server/rpc/limits.ts";
import { type Method, type RequestSink, ServiceRegistry } from "#server/rpc/service-registry.ts";
import type { Life } from "#test/simulation/cluster/virtual-time.ts";

export class Inlet {
  private readonly life: Life;
  private waiting: (() => void)[] = [];

  constructor(life: Life) {
    this.life = life;
  }

  enter(run: () => void): void {
    const { life, waiting } = this;
    if (life.isDead) return;
    if (!life.isPaused && waiting.length === 0) {
      run();
      return;
    }
    // What comes after a pause waits for what came in it.
    if (waiting.push(run) === 1) life.after(0, () => this.drain());
  }

  private drain(): void {
    const { waiting } = this;
    this.waiting = [];
    for (const run of waiting) run();
  }

  /** A page is asked for through this inlet. */
  http(handler: HttpHandler): HttpHandler {
    return (request, response) => this.enter(() => handler(request, response));
  }
}

/** Services whose requests come through an inlet. */
export class InletRegistry extends ServiceRegistry {
  private readonly inlet: Inlet;

  constructor(inlet: Inlet) {
    super();
    this.inlet = inlet;
  }

  override add(method: Method): void {
    const { inlet } = this;
    if (!method.requestStream) {
      super.add({
        ...method,
        handle: (request, responder) => inlet.enter(() => method.handle(request, responder)),
      });
      return;
    }
    super.add({
      ...method,
      open: (responder) => {
        let sink: RequestSink | undefined;
        inlet.enter(() => {
          sink = method.open(responder);
        });
        return {
          message: (request) => inlet.enter(() => sink?.message(request)),
          end: () => inlet.enter(() => sink?.end()),
        };
      },
    });
  }
}
