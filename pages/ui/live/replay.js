// Plays a run epoch by epoch: which epoch the curves are cut at, and the clock that moves it on.

export const SPEEDS = [0.5, 1, 2, 4, 8];
// At speed 1 a short run goes by this quickly, and a long one within so many seconds.
const EPOCHS_A_SECOND = 4, LONGEST_SECONDS = 30;
const TICK_MS = 100, CALM_TICK_MS = 1000, ADDRESS_MS = 1000;

export class Replay {
  // `points()`: run id -> all points, by epoch; `changed()` draws what is shown now, and is waited for.
  constructor({ points, changed }) {
    Object.assign(this, { points, changed });
    this.epoch = null;   // null: everything is shown, as it comes
    this.speed = 1;
    this.playing = false;
  }

  get on() { return this.epoch !== null; }

  get last() { return Math.max(0, ...[...this.points().values()].map((held) => (held.length ? held[held.length - 1][1] : 0))); }

  // The epoch shown; an address may name one that a running experiment has not reached yet.
  get shown() { return Math.min(this.epoch, this.last); }

  // Readers who asked for less motion get no play unasked, and few large steps.
  get calm() { return window.matchMedia("(prefers-reduced-motion: reduce)").matches; }

  cut(held) { return this.on ? held.filter((point) => point[1] <= this.epoch) : held; }

  open() {
    this.epoch = 1;
    if (this.calm) return this.settle();
    return this.play();
  }

  // Begins where the address says.
  openAt(address) {
    const epoch = Number(new URLSearchParams(address).get("epoch"));
    if (Number.isInteger(epoch) && epoch > 0) this.epoch = epoch;
  }

  close() {
    this.halt();
    this.epoch = null;
    return this.settle();
  }

  goTo(epoch) {
    this.halt();
    this.epoch = Math.max(1, Math.min(this.last, Math.round(epoch)));
    return this.settle();
  }

  step(by) { return this.goTo(this.shown + by); }

  toggle() { return this.playing ? this.pause() : this.play(); }

  pause() {
    this.halt();
    return this.settle();
  }

  // From the beginning where it rests at the end.
  play() {
    if (this.shown >= this.last) this.epoch = 1;
    this.playing = true;
    this.place = this.shown;
    this.before = performance.now();
    this.tick();
    return this.settle();
  }

  setSpeed(speed) { this.speed = speed; return this.changed(); }

  halt() {
    this.playing = false;
    clearTimeout(this.timer);
  }

  rate() { return this.speed * Math.max(EPOCHS_A_SECOND, this.last / LONGEST_SECONDS); }

  // Time decides how far it is, so that a slow drawing leaves epochs out instead of slowing down.
  tick() {
    const pause = Math.max(1000 / this.rate(), this.calm ? CALM_TICK_MS : TICK_MS);
    clearTimeout(this.timer);
    this.timer = setTimeout(async () => {
      const now = performance.now();
      // A hidden page's clock stands still.
      this.place += document.visibilityState === "visible" ? Math.min(this.rate() * (now - this.before) / 1000, this.rate() * 2) : 0;
      this.before = now;
      const epoch = Math.min(this.last, Math.floor(this.place + 1e-6));
      if (epoch === this.epoch) return this.playing && this.tick();
      this.epoch = epoch;
      if (epoch >= this.last) { await this.pause(); return; }
      if (now - (this.written ?? 0) > ADDRESS_MS) this.write();
      await this.changed();
      if (this.playing) this.tick();
    }, pause);
  }

  settle() {
    this.write();
    return this.changed();
  }

  // Into the address without a script run; the next one brings it along.
  write() {
    const address = new URL(window.location.href);
    if (this.on) address.searchParams.set("epoch", String(this.epoch)); else address.searchParams.delete("epoch");
    this.written = performance.now();
    if (address.href !== window.location.href) window.history.replaceState(window.history.state, "", address);
  }
}
