// Live curves of one experiment: holds one Plotly chart, polls /lab/live/<id>?since=<cursor>, extends its traces.
// The chart outlives script runs: its state hangs on the element, and zoom and legend choices are kept by uirevision.

const POLL_MS = 700;
const BACKOFF_MS = [1000, 2000, 4000, 8000];
const MOST_POINTS = 1000;
const MOST_IN_LEGEND = 8;
// A lost experiment is not here: the dispatcher starts it again by itself.
const ENDED = new Set(["succeeded", "failed", "cancelled"]);
// The terms of one run differ by dash; runs and roles bring their look from the server, the same as on all charts.
const DASHES = ["solid", "dash", "dot", "dashdot", "longdash"];

// Where a point holds what a view shows; titles, units and ranges come with the data, as they depend on the task.
const COLUMNS = { accuracy: 3, nll: 4, loss: 2 };

function loadPlotly(base, version) {
  if (window.Plotly) return Promise.resolve(window.Plotly);
  if (!window.labPlotly) {
    window.labPlotly = new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = `${base}/lab/plotly.min.js?v=${version}`;
      script.onload = () => resolve(window.Plotly);
      script.onerror = () => { window.labPlotly = null; script.remove(); reject(new Error("plotly")); };
      document.head.appendChild(script);
    });
  }
  return window.labPlotly;
}

// Plotly builds selectors from a trace's uid.
function safe(uid) { return uid.replace(/[^A-Za-z0-9_-]/g, "_"); }

function number(value) { return typeof value === "number" && Number.isFinite(value) ? value : null; }

// Min/max buckets that keep the first and the last point; a gap never hides an extreme, and all gap stays a gap.
function thin(xs, ys) {
  if (xs.length <= MOST_POINTS) return [xs.slice(), ys.slice()];
  const buckets = Math.floor(MOST_POINTS / 2) - 1, kept = new Set([0, xs.length - 1]);
  for (let b = 0; b < buckets; b += 1) {
    const from = 1 + Math.floor((b * (xs.length - 2)) / buckets), to = 1 + Math.floor(((b + 1) * (xs.length - 2)) / buckets);
    let low = from, high = from;
    for (let i = from; i < to; i += 1) {
      if (ys[i] === null) continue;
      if (ys[low] === null || ys[i] < ys[low]) low = i;
      if (ys[high] === null || ys[i] > ys[high]) high = i;
    }
    kept.add(low); kept.add(high);
  }
  const order = [...kept].sort((a, b) => a - b);
  return [order.map((i) => xs[i]), order.map((i) => ys[i])];
}

// Light or dark, by the background that Streamlit has set.
function theme(element) {
  const background = getComputedStyle(element).getPropertyValue("--st-background-color").trim();
  const hex = /^#([0-9a-f]{6})/i.exec(background);
  const rgb = hex ? [0, 2, 4].map((i) => parseInt(hex[1].slice(i, i + 2), 16)) : (background.match(/\d+/g) || [255, 255, 255]).map(Number);
  return rgb[0] + rgb[1] + rgb[2] < 384 ? "dark" : "light";
}

class Curves {
  constructor(root, data) {
    this.root = root;
    this.points = new Map();   // run id -> points by epoch, ascending
    this.runs = [];
    this.cursor = 0;
    this.failures = 0;
    this.drawn = new Map();    // trace uid -> index
    this.queue = Promise.resolve();
    root.classList.add("lab-curves");
    this.status = document.createElement("div");
    this.status.className = "lab-status";
    this.plot = document.createElement("div");
    this.plot.className = "lab-plot";
    this.plot.setAttribute("role", "img");
    this.empty = document.createElement("div");
    this.empty.className = "lab-empty";
    root.replaceChildren(this.status, this.plot, this.empty);
    this.onVisible = () => { this.showStatus(); if (document.visibilityState === "visible") this.poll(); };
    this.observer = new ResizeObserver(() => {
      if (this.ready && this.plot.clientWidth) window.Plotly.Plots.resize(this.plot);
    });
    this.update(data);
    this.start();
  }

  start() {
    if (this.alive) return;
    this.alive = true;
    document.addEventListener("visibilitychange", this.onVisible);
    this.observer.observe(this.root);
    this.themeTimer = setInterval(() => {
      if (document.visibilityState === "visible" && this.ready && theme(this.root) !== this.theme) this.draw();
    }, 1000);
    this.poll();
  }

  stop() {
    this.alive = false;
    clearTimeout(this.timer);
    clearInterval(this.themeTimer);
    document.removeEventListener("visibilitychange", this.onVisible);
    this.observer.disconnect();
  }

  update(data) {
    const changed = this.data && this.data.view !== data.view;
    const restarted = this.ended && !ENDED.has(data.state);
    this.data = data;
    this.plot.setAttribute("aria-label", data.label);
    if (restarted) { this.ended = false; this.poll(); }
    if (changed) this.draw();
    this.showStatus();
  }

  showStatus(text) {
    const hidden = document.visibilityState !== "visible";
    const shown = text || (this.ended ? "" : hidden ? "Paused while hidden" : this.cursor ? "Live" : "");
    this.status.textContent = shown;
    this.status.dataset.kind = shown === "Live" ? "live" : text ? "trouble" : "quiet";
  }

  async poll() {
    clearTimeout(this.timer);
    if (!this.alive || this.ended || this.polling || document.visibilityState !== "visible") return;
    this.polling = true;
    const began = performance.now();
    let wait = POLL_MS;
    try {
      const known = this.runs.length ? "" : "&runs=1";
      let answer = await this.fetch(`since=${this.cursor}${known}`);
      if (answer) {
        const unknown = answer.points.some((p) => !this.runs.some((run) => run.id === p[0]));
        if (!answer.runs && (unknown || ENDED.has(answer.state) || answer.points.length)) {
          // Names and best epochs change rarely: asked for only when there is something new to show.
          if (unknown || ENDED.has(answer.state)) answer.runs = (await this.fetch(`since=${answer.cursor}&runs=1`))?.runs;
        }
        this.failures = 0;
        await this.take(answer);
        this.ended = ENDED.has(answer.state) && answer.points.length === 0;
        if (ENDED.has(answer.state) && answer.points.length) wait = 0;
        this.showStatus();
      }
    } catch (error) {
      wait = BACKOFF_MS[Math.min(this.failures, BACKOFF_MS.length - 1)];
      this.failures += 1;
      this.showStatus("No connection to the server; trying again");
    } finally {
      this.polling = false;
    }
    // Drawing counts into the interval, or a busy browser would fall behind by as much at every tick.
    const left = Math.max(wait && 100, wait - (performance.now() - began));
    if (this.alive && !this.ended) this.timer = setTimeout(() => this.poll(), left);
    if (this.ended) this.showEmpty();
  }

  async fetch(query) {
    const answer = await fetch(`${this.data.base}/lab/live/${this.data.experiment}?${query}`, { credentials: "same-origin" });
    if (answer.status === 404) { this.ended = true; return null; }
    if (!answer.ok) throw new Error(String(answer.status));
    return answer.json();
  }

  // Adds new points; a point for an epoch already held replaces it (a resumed run tells it again).
  async take(answer) {
    let structural = false;
    if (answer.runs && JSON.stringify(answer.runs) !== JSON.stringify(this.runs)) { this.runs = answer.runs; structural = true; }
    this.cursor = answer.cursor;
    const added = new Map();
    for (const point of answer.points) {
      const held = this.points.get(point[0]) || [];
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
    const nothing = any && this.data.view === "terms" && !this.traces().length;
    this.empty.textContent = nothing ? this.data.words.single : any ? "" : this.ended ? this.data.words.none : this.data.words.waiting;
    this.empty.hidden = any && !nothing;
  }

  // The chosen view, with `value(point)`; validation views mark best epochs and the teachers' levels.
  view() {
    const name = this.data.views[this.data.view] ? this.data.view : "accuracy", told = this.data.views[name];
    const value = (point) => { const raw = number(point[COLUMNS[name]]); return raw === null ? null : told.factor * raw; };
    return { ...told, name, value, validation: "higher" in told };
  }

  series(run) {
    const held = this.points.get(run.id) || [];
    const view = this.view();
    if (this.data.view !== "terms") return [{ key: run.id, suffix: "", points: held.map((p) => [p[1], view.value(p)]) }];
    const names = Object.keys(held.length ? held[held.length - 1][5] || {} : {});
    if (names.length < 2) return [];
    const total = (p) => names.reduce((sum, name) => sum + (number(p[5][name]) || 0), 0);
    return names.map((name, index) => ({
      key: `${run.id}/${name}`, suffix: ` · ${this.data.terms[name] || name}`, dash: DASHES[index % DASHES.length],
      points: held.map((p) => [p[1], total(p) > 0 ? (100 * (number(p[5][name]) || 0)) / total(p) : null]),
    }));
  }

  traces() {
    const now = theme(this.root), background = this.data.layout[now].background, named = new Map(), result = [];
    const many = new Set(this.runs.filter((run) => run.role !== "teacher").map((run) => run.seed)).size > 1;
    const view = this.view();
    const hidden = new Map((this.plot._fullData || []).map((trace) => [trace.legendgroup, trace.visible]));
    const push = (trace, group, legendable) => {
      const first = legendable && !named.has(group);
      if (first) named.set(group, named.size);
      // More than eight lines on one chart cannot be told apart: the others wait in the legend's order, hidden.
      const late = (named.get(group) ?? 0) >= MOST_IN_LEGEND;
      result.push({
        type: "scatter", legendgroup: group, showlegend: first, visible: hidden.get(group) ?? (late ? "legendonly" : true), ...trace, uid: safe(trace.uid),
      });
    };
    const meant = this.data.view === "terms" || !many ? new Set() : this.withMean(now);
    for (const run of this.runs) {
      const look = run.style[now], teacher = run.role === "teacher";
      for (const line of this.series(run)) {
        if (!line.points.length) continue;
        const [x, y] = thin(line.points.map((p) => p[0]), line.points.map((p) => p[1]));
        const seed = teacher ? "" : ` · seed ${run.seed}`;
        push({
          uid: line.key, name: look.name + line.suffix, x, y, mode: line.points.length === 1 ? "markers" : "lines",
          marker: { color: look.color, size: 5 }, opacity: !teacher && many ? 0.5 : 1,
          line: { color: look.color, dash: line.dash || look.dash, width: teacher || !many ? 2 : 1.1 },
          hovertemplate: `<b>${look.name}${line.suffix}</b>${seed}<br>epoch %{x}: %{y:.4~g}<extra></extra>`,
        }, look.group + line.suffix, !meant.has(look.group));
      }
    }
    for (const group of new Set(this.runs.map((run) => run.style[now].group))) {
      const mine = this.runs.filter((run) => run.style[now].group === group), look = mine[0].style[now];
      if (meant.has(group)) this.pushMean(push, look, mine, view);
      if (view.validation) this.pushBest(push, look, mine, view, background);
    }
    return result;
  }

  // Variants of which two seeds or more are finished.
  withMean(now) {
    const counts = new Map();
    for (const run of this.runs) {
      const group = run.style[now].group;
      if (run.role !== "teacher" && this.isWhole(run)) counts.set(group, (counts.get(group) || 0) + 1);
    }
    return new Set([...counts.keys()].filter((group) => counts.get(group) > 1));
  }

  isWhole(run) { return run.finished && (this.points.get(run.id) || []).length > 0; }

  // The thick line: mean over the finished seeds, so that a seed under way never bends it.
  pushMean(push, look, mine, view) {
    const whole = mine.filter((run) => this.isWhole(run));
    const byEpoch = new Map();
    for (const run of whole) for (const point of this.points.get(run.id)) {
      const value = view.value(point);
      if (value !== null) byEpoch.set(point[1], [...(byEpoch.get(point[1]) || []), value]);
    }
    const epochs = [...byEpoch.keys()].filter((e) => byEpoch.get(e).length === whole.length).sort((a, b) => a - b);
    const means = epochs.map((e) => byEpoch.get(e).reduce((a, b) => a + b, 0) / whole.length);
    const [x, y] = thin(epochs, means);
    push({
      uid: `mean/${look.group}`, name: look.name, x, y, mode: "lines", line: { color: look.color, dash: look.dash, width: 2.8 },
      hovertemplate: `<b>${look.name}</b>, mean of ${whole.length} seeds<br>epoch %{x}: %{y:.4~g}<extra></extra>`,
    }, look.group, true);
  }

  pushBest(push, look, mine, view, background) {
    const x = [], y = [], text = [];
    for (const run of mine) {
      const best = this.bestPoint(run);
      if (!best) continue;
      x.push(best[1]); y.push(view.value(best));
      const seed = run.role === "teacher" ? "" : ` · seed ${run.seed}`;
      text.push(`<b>${look.name}</b>${seed}<br>best epoch ${best[1]}${run.stop_rule ? `<br>${run.stop_rule}` : ""}`);
    }
    if (!x.length) return;
    push({
      uid: `best/${look.group}`, name: look.name, x, y, text, mode: "markers",
      marker: { color: background, size: 7, symbol: look.symbol, line: { color: look.color, width: 1.8 } },
      hovertemplate: "%{text}<br>%{y:.4~g}<extra></extra>",
    }, look.group, false);
  }

  // The epoch whose weights are kept: as told when the run ended, until then the best so far.
  bestPoint(run) {
    const held = this.points.get(run.id) || [];
    return (run.best_epoch && held.find((p) => p[1] === run.best_epoch)) || held.filter((p) => p[6]).pop();
  }

  layout() {
    const now = theme(this.root), look = this.data.layout[now], narrow = this.root.clientWidth < 560;
    const view = this.view();
    const layout = {
      template: { layout: look.template }, uirevision: "live", height: narrow ? 400 : 440, margin: { l: 8, r: 12, t: 30, b: 8 },
      xaxis: { title: { text: "Epoch" }, rangemode: "tozero" },
      // Each view keeps its own zoom: the numbers of one mean nothing in another.
      yaxis: { title: { text: view.title }, uirevision: this.data.view, ...this.axis() },
      legend: { y: -0.16, yanchor: "top", groupclick: "togglegroup", itemwidth: 30 },
      shapes: [], annotations: [],
    };
    const levels = this.teacherLevels(view).map(([teacher, level]) => ({ look: teacher.style[now], level }));
    for (const { look, level } of levels) {
      layout.shapes.push({ type: "line", xref: "paper", x0: 0, x1: 1, y0: level, y1: level, line: { color: look.color, width: 1, dash: "dot" } });
    }
    if (levels.length) {
      // Told together beyond the best, or the levels of several teachers would lie on each other's lines.
      const told = levels.map(({ look, level }) => `<span style="color:${look.color}">${look.name} ${level.toFixed(view.digits)}</span>`);
      const inARow = narrow ? 2 : 5, rows = told.map((text, i) => text + (i + 1 < told.length ? (i % inARow === inARow - 1 ? "<br>" : " · ") : ""));
      const best = Math[view.higher ? "max" : "min"](...levels.map((one) => one.level));
      layout.annotations.push({
        xref: "paper", x: 1, y: best, xanchor: "right", yanchor: view.higher ? "bottom" : "top", align: "right", showarrow: false,
        text: rows.join(""),
      });
    }
    return layout;
  }

  // What each finished teacher reaches, with the teacher; none in a view of the training.
  teacherLevels(view) {
    const teachers = view.validation ? this.runs.filter((run) => run.role === "teacher" && run.finished) : [];
    return teachers.map((run) => [run, this.bestPoint(run)]).filter(([, best]) => best && view.value(best) !== null)
      .map(([run, best]) => [run, view.value(best)]);
  }

  // Whether the reader has moved this view's vertical range away from what was asked for.
  zoomed() {
    const shown = this.plot.layout?.yaxis;
    if (!shown || this.asked?.view !== this.data.view) return false;
    const range = this.asked.axis.range;
    return range ? shown.autorange === true || String(shown.range) !== String(range) : shown.autorange === false;
  }

  // Plotly keeps a reader's zoom only while the same range is asked for as before it.
  axis() {
    if (!this.zoomed()) this.asked = { view: this.data.view, axis: this.range() };
    return structuredClone(this.asked.axis);
  }

  // Accuracy climbs within a few epochs; the rest of the chart is for what happens then. Double click shows all.
  range() {
    const view = this.view();
    if (!view.fitted) return {};
    const values = [...this.points.values()].flatMap((held) => held.map(view.value)).filter(Number.isFinite).sort((a, b) => a - b);
    if (values.length < 20) return { rangemode: "normal" };
    const share = view.unit === "%", high = values[values.length - 1];
    let low = values[Math.floor(values.length * (share ? 0.06 : 0.25))];
    // R² begins anywhere below zero and spends a quarter of its epochs there; but no run's best may be out of sight.
    if (!share) low = Math.min(low, ...this.runs.map((run) => this.bestPoint(run)).filter(Boolean).map(view.value).filter(Number.isFinite));
    const margin = 0.06 * (high - low) + 0.005 * view.factor;
    return { range: [share ? Math.max(0, low - margin) : low - margin, high + margin] };
  }

  draw(added = null) {
    this.queue = this.queue.then(() => this.drawNow(added)).catch((error) => { console.error("live curves", error); });
    return this.queue;
  }

  async drawNow(added) {
    if (![...this.points.values()].some((held) => held.length)) { this.showEmpty(); return; }
    const Plotly = await loadPlotly(this.data.base, this.data.plotly);
    if (added && this.ready && this.extend(Plotly, added)) return;
    const traces = this.traces();
    this.theme = theme(this.root);
    this.showEmpty();
    // A config that is not the very same makes Plotly build the chart anew, which would lose the reader's zoom.
    this.config ??= this.chartConfig(Plotly);
    await Plotly.react(this.plot, traces, this.layout(), this.config);
    this.ready = true;
    this.drawn = new Map(traces.map((trace, index) => [trace.uid, index]));
  }

  chartConfig(Plotly) {
    return {
      displaylogo: false, responsive: false, modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"],
      toImageButtonOptions: { format: "svg", filename: `curves-${this.data.experiment}` }, scrollZoom: false,
      modeBarButtonsToAdd: [{
        name: "png", title: "Download plot as PNG", icon: Plotly.Icons.disk,
        click: (plot) => Plotly.downloadImage(plot, {
          format: "png", scale: 2, width: plot.clientWidth, height: plot.clientHeight, filename: `curves-${this.data.experiment}`,
        }),
      }],
    };
  }

  // A new best beyond the chosen range: the range is chosen anew, unless the reader has zoomed.
  outOfRange(y) {
    const range = this.asked.axis.range;
    return Boolean(range) && !this.zoomed() && y.some((some) => some.some((value) => value > range[1]));
  }

  // Only what grew: lines get their new points, best-epoch markers move. False: the chart must be drawn anew.
  extend(Plotly, added) {
    const x = [], y = [], indices = [];
    for (const [id, points] of added) {
      const run = this.runs.find((other) => other.id === id);
      if (!run) return false;
      for (const line of this.series(run)) {
        const index = this.drawn.get(safe(line.key));
        if (index === undefined || this.plot.data[index].mode === "markers") return false;
        // Somewhat above the limit, or a long line would be drawn anew with every point.
        if (this.plot.data[index].x.length > 1.1 * MOST_POINTS) return false;
        const fresh = line.points.slice(-points.length);
        x.push(fresh.map((p) => p[0])); y.push(fresh.map((p) => p[1])); indices.push(index);
      }
    }
    if (indices.length) Plotly.extendTraces(this.plot, { x, y }, indices);
    if (this.outOfRange(y)) return false;
    for (const trace of this.traces().filter((one) => one.uid.startsWith("best_"))) {
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
