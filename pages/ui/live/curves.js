// Live curves of one experiment: holds one Plotly chart and extends its traces by what polling brings.
// The chart outlives script runs: its state hangs on the element, and zoom and legend choices are kept by uirevision.

import { Axes } from "./axes.js";
import { Lines } from "./lines.js";
import { theme } from "./looks.js";
import { loadPlotly } from "./plotly.js";
import { Polling } from "./polling.js";
import { series } from "./readings.js";
import { Replay } from "./replay.js";
import { ReplayBar } from "./replay_bar.js";
import { stacked } from "./stacks.js";
import { MOST_POINTS } from "./thinning.js";
import { safe, traces } from "./traces.js";

class Curves {
  constructor(root, data) {
    this.root = root;
    this.points = new Map();   // run id -> points by epoch, ascending
    this.runs = [];
    this.drawn = new Map();    // trace uid -> index
    this.queue = Promise.resolve();
    this.axes = new Axes(this);
    this.replay = new Replay({ points: () => this.points, changed: () => this.showReplay() });
    this.bar = new ReplayBar(this.replay);
    this.lines = new Lines({ address: window.location.search, changed: () => this.draw() });
    this.build();
    this.observer = new ResizeObserver(() => {
      if (this.ready && this.plot.clientWidth) window.Plotly.Plots.resize(this.plot);
    });
    this.polling = new Polling({
      taken: (answer) => this.take(answer), told: (text) => this.showStatus(text), over: () => this.showEmpty(),
      knows: (id) => (id ? this.runs.some((run) => run.id === id) : this.runs.length > 0),
      outdated: () => this.lines.outdated(this.runs, this.points),
    });
    if (data.replay) this.replay.openAt(window.location.search);
    this.update(data);
    this.start();
  }

  build() {
    this.root.classList.add("lab-curves");
    this.status = document.createElement("div");
    this.status.className = "lab-status";
    this.plot = document.createElement("div");
    this.plot.className = "lab-plot";
    // Not an image: its legend and buttons can be reached inside it.
    this.plot.setAttribute("role", "figure");
    this.empty = document.createElement("div");
    this.empty.className = "lab-empty";
    this.root.replaceChildren(this.status, this.plot, this.lines.element, this.bar.element, this.empty);
  }

  get ended() { return this.polling.ended; }

  // The points of a run, ascending by epoch: all, and those that a replay shows.
  all(id) { return this.points.get(id) || []; }

  held(id) { return this.replay.cut(this.all(id)); }

  start() {
    if (this.polling.alive) return;
    this.observer.observe(this.root);
    this.themeTimer = setInterval(() => {
      if (document.visibilityState === "visible" && this.ready && theme(this.root) !== this.theme) this.draw();
    }, 1000);
    this.polling.start();
  }

  stop() {
    this.polling.stop();
    if (this.replay.playing) this.replay.pause();
    clearInterval(this.themeTimer);
    this.observer.disconnect();
  }

  update(data) {
    const changed = this.data && (this.data.view !== data.view || String(this.data.stack) !== String(data.stack));
    this.data = data;
    this.plot.setAttribute("aria-label", data.label);
    this.polling.update(data);
    if (stacked(data)) this.polling.askForShares();
    if (changed) this.draw();
    this.showStatus();
  }

  showStatus(text) {
    const hidden = document.visibilityState !== "visible";
    this.bar.show(this.data.replay, { ended: this.ended, any: this.ready });
    const { words } = this.data;
    const state = text || (this.ended || this.replay.on ? "" : hidden ? "paused" : this.polling.cursor ? "live" : "");
    const shown = words[state] ?? state;
    this.status.textContent = shown;
    this.status.dataset.kind = state === "live" ? "live" : text ? "trouble" : "quiet";
  }

  // Adds new points; a point for an epoch already held replaces it (a resumed run tells it again).
  async take(answer) {
    let structural = false;
    if (answer.runs) this.lines.told(this.points);
    if (answer.runs && JSON.stringify(answer.runs) !== JSON.stringify(this.runs)) { this.runs = answer.runs; structural = true; }
    const added = new Map();
    for (const point of answer.points) {
      const held = this.all(point[0]);
      this.points.set(point[0], held);
      const last = held.length ? held[held.length - 1][1] : 0;
      if (point[1] > last) {
        held.push(point);
        if (!added.has(point[0])) added.set(point[0], []);
        added.get(point[0]).push(point);
      } else {
        const at = held.findIndex((other) => other[1] >= point[1]);
        held.splice(at, held[at][1] === point[1] ? 1 : 0, point);
        structural = true;
      }
    }
    if (!structural && !added.size) { this.showEmpty(); return; }
    await this.draw(structural ? null : added);
  }

  showEmpty() {
    const any = [...this.points.values()].some((held) => held.length);
    const nothing = any && stacked(this.data) && this.polling.sharesTold && !traces(this).length;
    this.empty.textContent = nothing ? this.data.words[this.data.stack.length ? `no_${this.data.view}` : "single"] : any ? "" : this.ended ? this.data.words.none : this.data.words.waiting;
    this.empty.hidden = any && !nothing;
    this.bar.show(this.data.replay, { ended: this.ended, any });
  }

  showReplay() {
    this.showStatus();
    return this.draw();
  }

  draw(added = null) {
    this.queue = this.queue.then(() => this.drawNow(added)).catch((error) => { console.error("live curves", error); });
    return this.queue;
  }

  async drawNow(added) {
    if (![...this.points.values()].some((held) => held.length)) { this.showEmpty(); return; }
    const Plotly = await loadPlotly(this.data.base, this.data.plotly);
    if (added && this.ready && !this.replay.on && this.extend(Plotly, added)) return;
    this.theme = theme(this.root);
    const lines = traces(this);
    this.lines.show(this.data, this.runs, this.theme);
    // Sliders and lists are drawn by the browser, which must know.
    this.bar.element.style.colorScheme = this.theme;
    this.showEmpty();
    // A config that is not the very same makes Plotly build the chart anew, which would lose the reader's zoom.
    this.config ??= this.chartConfig(Plotly);
    await Plotly.react(this.plot, lines, this.axes.layout(), this.config);
    this.ready = true;
    this.drawn = new Map(lines.map((trace, index) => [trace.uid, index]));
  }

  chartConfig(Plotly) {
    return {
      displaylogo: false, showSendToCloud: false, responsive: false,
      modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"],
      toImageButtonOptions: { format: "svg", filename: `curves-${this.data.experiment}` }, scrollZoom: false,
      modeBarButtonsToAdd: [{
        name: "png", title: this.data.words.png, icon: Plotly.Icons.disk,
        click: (plot) => Plotly.downloadImage(plot, {
          format: "png", scale: 2, width: plot.clientWidth, height: plot.clientHeight, filename: `curves-${this.data.experiment}`,
        }),
      }],
    };
  }

  // Only what grew: lines get their new points, best-epoch markers move. False: the chart must be drawn anew.
  extend(Plotly, added) {
    // Areas lie on each other, and their means move: they are drawn anew.
    if (stacked(this.data)) return false;
    const x = [], y = [], indices = [];
    for (const [id, points] of added) {
      const run = this.runs.find((other) => other.id === id);
      if (!run) return false;
      if (!this.lines.draws(run.style[this.theme].group)) continue;
      for (const line of series(this, run)) {
        const index = this.drawn.get(safe(line.key));
        if (index === undefined || this.plot.data[index].mode === "markers") return false;
        // Somewhat above the limit, or a long line would be drawn anew with every point.
        if (this.plot.data[index].x.length > 1.1 * MOST_POINTS) return false;
        const fresh = line.points.slice(-points.length);
        x.push(fresh.map((p) => p[0])); y.push(fresh.map((p) => p[1])); indices.push(index);
      }
    }
    if (indices.length) Plotly.extendTraces(this.plot, { x, y }, indices);
    if (this.axes.outOfRange(y)) return false;
    for (const trace of traces(this).filter((one) => one.uid.startsWith("best_"))) {
      const index = this.drawn.get(trace.uid);
      if (index === undefined) return false;
      const old = this.plot.data[index];
      if (JSON.stringify([old.x, old.y]) !== JSON.stringify([trace.x, trace.y])) {
        Plotly.restyle(this.plot, { x: [trace.x], y: [trace.y], text: [trace.text] }, [index]);
      }
    }
    return true;
  }
}

export default function (component) {
  const { data, parentElement } = component;
  const root = parentElement.querySelector(".lab-root");
  if (root.lab && root.lab.data.experiment !== data.experiment) { root.lab.stop(); root.lab = null; }
  if (root.lab) { root.lab.update(data); root.lab.start(); } else root.lab = new Curves(root, data);
  return () => root.lab && root.lab.stop();
}
