// Holds one Plotly figure that the server draws, and draws it anew where it stands: zoom and pointer stay as they are.

import { theme } from "../live/looks.js";
import { loadPlotly } from "../live/plotly.js";
import { Asking } from "./asking.js";

// Narrower cells cannot hold a number.
const LEAST_CELL_PX = 34;
const LEAST_CELL_HIGH_PX = 22;

class LiveFigure {
  constructor(root, component) {
    this.root = root;
    this.queue = Promise.resolve();
    root.classList.add("lab-figure");
    this.status = document.createElement("div");
    this.status.className = "lab-status";
    this.plot = document.createElement("div");
    this.plot.className = "lab-plot";
    this.plot.setAttribute("role", "figure");
    this.empty = document.createElement("div");
    this.empty.className = "lab-empty";
    this.notes = document.createElement("p");
    this.notes.className = "lab-notes";
    root.replaceChildren(this.status, this.plot, this.notes, this.empty);
    this.asking = new Asking({ taken: (answer) => this.take(answer), told: (state) => this.tell(state) });
    this.observer = new ResizeObserver(() => this.fit());
    this.update(component);
    this.start();
  }

  start() {
    if (this.themeTimer) return;
    this.observer.observe(this.root);
    this.themeTimer = setInterval(() => { if (document.visibilityState === "visible" && theme(this.root) !== this.theme) this.point(); }, 1000);
    this.asking.start();
  }

  stop() {
    this.asking.stop();
    clearInterval(this.themeTimer);
    this.themeTimer = null;
    this.observer.disconnect();
  }

  update({ data, setTriggerValue }) {
    this.data = data;
    this.send = setTriggerValue;
    this.plot.setAttribute("aria-label", data.label);
    this.point();
    this.mark();
  }

  // Which figure is asked for: the theme is part of it.
  point() {
    this.theme = theme(this.root);
    this.asking.update(`${this.data.base}${this.data.address}&theme=${this.theme}`, this.data.moving);
  }

  tell(state) {
    const shown = this.data.words[state] ?? "", nothingComes = state === "gone" || state === "refused";
    this.status.textContent = shown;
    this.status.dataset.kind = state === "live" ? "live" : state === "offline" || nothingComes ? "trouble" : "quiet";
    if (!this.ready) { this.empty.textContent = nothingComes ? "" : this.data.words.waiting; this.empty.hidden = nothingComes; }
  }

  take(answer) { return this.enqueue(() => this.draw(answer)); }

  // One after the other: what changes the chart awaits it.
  enqueue(work) {
    this.queue = this.queue.then(work).catch((error) => { console.error("live figure", error); });
    return this.queue;
  }

  async draw(answer) {
    this.answer = answer;
    this.notes.textContent = (answer.figure.layout.meta?.notes || []).join(" ");
    const Plotly = await loadPlotly(this.data.base, this.data.plotly);
    const { data, layout } = answer.figure;
    this.given = { data, layout };
    const under = this.under;
    // A config that is not the very same makes Plotly build the chart anew, which would lose the reader's zoom.
    this.config ??= this.chartConfig(Plotly);
    await Plotly.react(this.plot, this.roomy(data), this.dressed(layout), this.config);
    await this.settleNumbers();
    this.empty.hidden = true;
    this.plot.dataset.version = answer.version;
    if (!this.ready) this.listen();
    this.ready = true;
    // What is drawn anew forgets the pointer, which has not moved.
    if (under && this.plot.data[under.curveNumber] && this.plot.matches(":hover")) Plotly.Fx.hover(this.plot, [under]);
  }

  // Beside a phone's map there is no room for words along the colours; the choice above it has them.
  dressed(layout) {
    const { coloraxis } = layout, narrow = this.root.clientWidth < 560;
    const slim = coloraxis && narrow ? { coloraxis: { ...coloraxis, colorbar: { ...coloraxis.colorbar, thickness: 8, title: { text: "" } } } } : {};
    return { ...layout, ...slim, ...this.chosen(layout) };
  }

  listen() {
    this.plot.on("plotly_hover", ({ points }) => { this.under = place(points[0]); });
    this.plot.on("plotly_unhover", () => { this.under = null; });
    this.plot.on("plotly_click", ({ points }) => {
      const number = points.map((one) => one.customdata).find(Number.isInteger);
      if (number !== undefined) this.send("cell", number);
    });
  }

  // Numbers stand in the cells where there is room for them: the names along an axis may leave little.
  roomy(data) {
    const { cells } = this.given.layout.meta || {};
    return cells ? data.map((trace) => (trace.name === cells.text ? { ...trace, visible: this.hasRoom(cells) } : trace)) : data;
  }

  hasRoom({ columns, rows }) {
    const { w, h } = this.plot._fullLayout?._size ?? { w: this.root.clientWidth, h: this.given.layout.height };
    return w / columns >= LEAST_CELL_PX && h / rows >= LEAST_CELL_HIGH_PX;
  }

  // Again once the chart is drawn and its margins are known.
  async settleNumbers() {
    const { cells } = this.given.layout.meta || {}, index = cells ? this.plot.data.findIndex((trace) => trace.name === cells.text) : -1;
    if (index < 0) return;
    const visible = this.hasRoom(cells);
    if (this.plot.data[index].visible !== visible) await window.Plotly.restyle(this.plot, { visible }, [index]);
  }

  // An outline around the cell that is open beside the figure.
  chosen(layout) {
    const { cells } = layout.meta || {}, at = cells?.places?.[this.data.chosen];
    if (!at) return {};
    const line = { color: layout.meta.ink, width: 2.5, dash: "dot" };
    return { shapes: [...(layout.shapes || []), { type: "rect", x0: at[0] - 0.46, x1: at[0] + 0.46, y0: at[1] - 0.46, y1: at[1] + 0.46, line }] };
  }

  mark() { if (this.ready) window.Plotly.relayout(this.plot, { shapes: this.chosen(this.given.layout).shapes || this.given.layout.shapes || [] }); }

  fit() {
    if (!this.ready || !this.plot.clientWidth) return;
    // The size is known once the chart has been drawn to it, and another figure may be on its way by then.
    Promise.resolve(window.Plotly.Plots.resize(this.plot)).then(() => this.enqueue(() => this.settleNumbers()), () => {});
  }

  chartConfig(Plotly) {
    const filename = this.data.file;
    return {
      displaylogo: false, showSendToCloud: false, responsive: false, scrollZoom: false,
      modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d", "zoomIn2d", "zoomOut2d"],
      toImageButtonOptions: { format: "svg", filename },
      modeBarButtonsToAdd: [{
        name: "png", title: this.data.words.png, icon: Plotly.Icons.disk,
        click: (plot) => Plotly.downloadImage(plot, { format: "png", scale: 2, width: plot.clientWidth, height: plot.clientHeight, filename }),
      }],
    };
  }
}

function place(point) { return { curveNumber: point.curveNumber, pointNumber: point.pointNumber ?? point.pointIndex }; }

export default function (component) {
  const root = component.parentElement.querySelector(".lab-root");
  if (root.lab) { root.lab.update(component); root.lab.start(); } else root.lab = new LiveFigure(root, component);
  return () => root.lab.stop();
}
