// Which of a peer's URLs is used: one at a time, the next after a failure (facts: peer protocol §5).
import { assert } from "#base/assert.ts";

export class PeerUrls {
  private urls: readonly string[];
  private picked = 0;

  constructor(urls: readonly string[]) {
    assert(urls.length > 0, "a peer has no URLs");
    this.urls = urls;
  }

  pick(): string {
    return this.urls[this.picked]!;
  }

  /** `url` failed: the next is picked, unless another request has moved on already. */
  failed(url: string): void {
    if (this.urls[this.picked] === url) this.picked = (this.picked + 1) % this.urls.length;
  }

  update(urls: readonly string[]): void {
    assert(urls.length > 0, "a peer has no URLs");
    this.urls = urls;
    this.picked = 0;
  }
}
