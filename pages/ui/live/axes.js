// The layout around the lines: axes, the reader's zoom, the teachers' levels.

import { theme } from "./looks.js";
import { bestPoint, series, teacherLevels, viewOf } from "./readings.js";
import { stacked } from "./stacks.js";

export class Axes {
  constructor(curves) { this.curves = curves; }

  layout() {
    const { curves } = this, now = theme(curves.root), look = curves.data.layout[now], narrow = curves.root.clientWidth < 560;
    const view = viewOf(curves.data);
    const layout = {
      template: { layout: look.template }, uirevision: "live", height: narrow ? 400 : 440, margin: { l: 8, r: 12, t: 30, b: 8 },
      xaxis: { title: { text: curves.data.words.axis }, rangemode: "tozero", ...this.horizontal() },
      // Each view keeps its own zoom: the numbers of one mean nothing in another.
      yaxis: { title: { text: view.title }, uirevision: curves.data.view, ...this.vertical() },
      legend: { y: -0.16, yanchor: "top", groupclick: "togglegroup", itemwidth: 30 },
      shapes: [], annotations: [],
    };
    this.addLevels(layout, view, now, narrow);
    if (curves.replay.on) {
      const at = curves.replay.shown, { color } = look.template.font;
      layout.shapes.push({ type: "line", yref: "paper", x0: at, x1: at, y0: 0, y1: 1, opacity: 0.35, line: { color, width: 1 } });
    }
    return layout;
  }

  addLevels(layout, view, now, narrow) {
    const levels = teacherLevels(this.curves, view).map(([teacher, level]) => ({ look: teacher.style[now], level }));
    for (const { look, level } of levels) {
      layout.shapes.push({ type: "line", xref: "paper", x0: 0, x1: 1, y0: level, y1: level, line: { color: look.color, width: 1, dash: "dot" } });
    }
    if (!levels.length) return;
    // Told together beyond the best, or the levels of several teachers would lie on each other's lines.
    const told = levels.map(({ look, level }) => `<span style="color:${look.color}">${look.name} ${level.toFixed(view.digits)}</span>`);
    const inARow = narrow ? 2 : 5, rows = told.map((text, i) => text + (i + 1 < told.length ? (i % inARow === inARow - 1 ? "<br>" : " · ") : ""));
    const best = Math[view.higher ? "max" : "min"](...levels.map((one) => one.level));
    layout.annotations.push({
      xref: "paper", x: 1, y: best, xanchor: "right", yanchor: view.higher ? "bottom" : "top", align: "right", showarrow: false,
      text: rows.join(""),
    });
  }

  // Whether the reader has moved this view's vertical range away from what was asked for.
  zoomed() {
    const shown = this.curves.plot.layout?.yaxis;
    if (!shown || this.asked?.view !== this.curves.data.view) return false;
    const range = this.asked.axis.range;
    return range ? shown.autorange === true || String(shown.range) !== String(range) : shown.autorange === false;
  }

  // Plotly keeps a reader's zoom only while the same range is asked for as before it.
  vertical() {
    if (!this.zoomed()) this.asked = { view: this.curves.data.view, axis: this.range() };
    return structuredClone(this.asked.axis);
  }

  // Accuracy climbs within a few epochs; the rest of the chart is for what happens then. Double click shows all.
  range() {
    const { curves } = this, view = viewOf(curves.data);
    if (stacked(curves.data)) return { range: [0, 100] };
    if (!view.fitted) return curves.replay.on ? this.whole() : {};
    const values = [...curves.points.values()].flatMap((held) => held.map(view.value)).filter(Number.isFinite).sort((a, b) => a - b);
    if (values.length < 20) return curves.replay.on ? this.whole() : { rangemode: "normal" };
    const share = view.unit === "%", high = values[values.length - 1];
    let low = values[Math.floor(values.length * (share ? 0.06 : 0.25))];
    // R² begins anywhere below zero and spends a quarter of its epochs there; but no run's best may be out of sight.
    if (!share) low = Math.min(low, ...curves.runs.map((run) => bestPoint(curves, run, curves.all(run.id))).filter(Boolean).map(view.value).filter(Number.isFinite));
    const margin = 0.06 * (high - low) + 0.005 * view.factor;
    return { range: [share ? Math.max(0, low - margin) : low - margin, high + margin] };
  }

  // In a replay both axes stay as the whole run needs them.
  horizontal() {
    const { replay } = this.curves;
    return replay.on ? { range: [0, 1.02 * replay.last] } : {};
  }

  // Around everything that the view will have shown by the last epoch.
  whole() {
    const { curves } = this;
    const values = curves.runs.flatMap((run) => series(curves, run, curves.all(run.id)))
      .flatMap((line) => line.points.map((point) => point[1])).filter(Number.isFinite);
    if (!values.length) return {};
    const low = values.reduce((a, b) => Math.min(a, b)), high = values.reduce((a, b) => Math.max(a, b)), margin = 0.05 * (high - low) || 0.5;
    return { range: [low - margin, high + margin] };
  }

  // A new best beyond the chosen range: the range is chosen anew, unless the reader has zoomed.
  outOfRange(y) {
    const range = this.asked.axis.range;
    return Boolean(range) && !this.zoomed() && y.some((some) => some.some((value) => value > range[1]));
  }
}
