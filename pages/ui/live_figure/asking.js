// Asks an address for a figure: at once, then for a newer one while it may change and the page is seen.

import { failure } from "../live/failures.js";

const ASK_MS = 500;
const SLOWEST_MS = 8000;

export class Asking {
  // `taken(answer)` shows a figure and may take its time; `told(state)`: "", "live", "paused", "offline", "refused" or "gone".
  constructor({ taken, told }) {
    Object.assign(this, { taken, told });
    this.version = "";
    this.failures = 0;
    this.onVisible = () => { this.tell(); if (document.visibilityState === "visible") this.ask(); };
  }

  start() {
    if (this.alive) return;
    this.alive = true;
    document.addEventListener("visibilitychange", this.onVisible);
    if (this.address) this.ask();
  }

  stop() {
    this.alive = false;
    clearTimeout(this.timer);
    document.removeEventListener("visibilitychange", this.onVisible);
  }

  // Another address is another figure; `moving` is whether this one may still change.
  update(address, moving) {
    const other = address !== this.address || (moving && !this.moving);
    if (address !== this.address) this.version = "";
    Object.assign(this, { address, moving });
    if (other && this.alive) this.ask(); else this.tell();
  }

  tell(trouble = "") {
    const hidden = document.visibilityState !== "visible";
    this.told(trouble || (!this.moving || !this.version ? "" : hidden ? "paused" : "live"));
  }

  async ask() {
    clearTimeout(this.timer);
    if (!this.alive || this.gone || document.visibilityState !== "visible") return;
    if (this.asking) { this.again = true; return; }
    this.asking = true;
    const { address, version } = this, began = performance.now();
    let wait = ASK_MS, trouble = "";
    try {
      const response = await fetch(`${address}&since=${encodeURIComponent(version)}`, { credentials: "same-origin" });
      if (response.status === 404) { this.gone = true; trouble = "gone"; } else if (!response.ok) throw failure(response);
      this.failures = 0;
      // 204: nothing has changed. What was asked for by an address that is over is not shown.
      if (response.status === 200) {
        const answer = await response.json();
        if (address === this.address) {
          this.version = answer.version;
          this.moving = answer.moving;
          await this.taken(answer);
        }
      }
    } catch (error) {
      this.failures += 1;
      wait = Math.min(SLOWEST_MS, ASK_MS * 2 ** this.failures);
      trouble = error.trouble ?? "offline";
    } finally {
      this.asking = false;
    }
    this.tell(trouble);
    if (this.again) { this.again = false; this.ask(); return; }
    // Drawing counts into the interval, or a busy browser would fall behind by as much at every change.
    if (this.alive && (this.moving || (trouble && !this.gone))) this.timer = setTimeout(() => this.ask(), Math.max(100, wait - (performance.now() - began)));
  }
}
