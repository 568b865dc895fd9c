// Asks /lab/live/<id>?since=<cursor> for what is new: while the page is seen, until the experiment has ended.

import { failure } from "./failures.js";

const POLL_MS = 700;
const BACKOFF_MS = [1000, 2000, 4000, 8000];
// A lost experiment is not here: the dispatcher starts it again by itself.
const ENDED = new Set(["succeeded", "failed", "cancelled"]);

export class Polling {
  // `taken(answer)` adds what is new and may take its time; `told(text)` shows how it goes, trouble as a text;
  // `knows(run id)`: whether the run has been told; `outdated()`: whether runs should be told again; `over()`: nothing
  // more will come.
  constructor({ taken, told, knows, outdated, over }) {
    Object.assign(this, { taken, told, knows, outdated, over });
    this.cursor = 0;
    this.failures = 0;
    this.ended = false;
    this.shares = false;
    this.onVisible = () => { this.told(); if (document.visibilityState === "visible") this.poll(); };
  }

  start() {
    this.alive = true;
    document.addEventListener("visibilitychange", this.onVisible);
    this.poll();
  }

  stop() {
    this.alive = false;
    clearTimeout(this.timer);
    document.removeEventListener("visibilitychange", this.onVisible);
  }

  // The experiment's address and state as the server last told them; one that was resumed is asked again.
  update({ base, experiment, state }) {
    this.address = `${base}/lab/live/${experiment}`;
    if (this.ended && !ENDED.has(state)) { this.ended = false; this.poll(); }
  }

  // From now on the shares of the terms are told as well, of all points from the first.
  askForShares() {
    if (this.shares) return;
    this.shares = true;
    this.sharesTold = false;
    this.cursor = 0;
    this.ended = false;
    this.poll();
  }

  async poll() {
    clearTimeout(this.timer);
    if (!this.alive || this.ended || this.polling || document.visibilityState !== "visible") return;
    this.polling = true;
    const shares = this.shares;
    const began = performance.now();
    let wait = POLL_MS;
    try {
      const answer = await this.ask();
      // An answer without the shares that are wanted by now is not taken.
      if (shares !== this.shares) wait = 0;
      else if (answer) {
        this.failures = 0;
        this.sharesTold = shares && (this.sharesTold || !answer.more);
        this.cursor = answer.cursor;
        await this.taken(answer);
        this.ended = ENDED.has(answer.state) && answer.points.length === 0;
        if (answer.more || (ENDED.has(answer.state) && answer.points.length)) wait = 0;
        this.told();
      }
    } catch (error) {
      wait = BACKOFF_MS[Math.min(this.failures, BACKOFF_MS.length - 1)];
      this.failures += 1;
      this.told(error.trouble ?? "offline");
    } finally {
      this.polling = false;
    }
    // Drawing counts into the interval, or a busy browser would fall behind by as much at every tick.
    const left = Math.max(wait && 100, wait - (performance.now() - began));
    if (this.alive && !this.ended) this.timer = setTimeout(() => this.poll(), left);
    if (this.ended) this.over();
  }

  async ask() {
    const answer = await this.fetch(`since=${this.cursor}${this.knows() ? "" : "&runs=1"}`);
    if (!answer || answer.runs) return answer;
    // Names and best epochs change rarely: asked for only when there is something new to show.
    const unknown = answer.points.some((point) => !this.knows(point[0]));
    if (unknown || ENDED.has(answer.state) || (answer.points.length && this.outdated())) answer.runs = (await this.fetch(`since=${answer.cursor}&runs=1`))?.runs;
    return answer;
  }

  async fetch(query) {
    const answer = await fetch(`${this.address}?${query}${this.shares ? "&shares=1" : ""}`, { credentials: "same-origin" });
    if (answer.status === 404) { this.ended = true; return null; }
    if (!answer.ok) throw failure(answer);
    return answer.json();
  }
}
