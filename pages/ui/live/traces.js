// The traces that Plotly draws: a line for each run, the mean of the finished seeds, marks of the best epochs.

import { theme } from "./looks.js";
import { bestPoint, isWhole, series, viewOf } from "./readings.js";
import { stacked, stackTraces } from "./stacks.js";
import { thin } from "./thinning.js";

const FIGURE_SPACE = "\u2007";

// Plotly builds selectors from a trace's uid.
export function safe(uid) { return uid.replace(/[^A-Za-z0-9_-]/g, "_"); }

// A phrase of the page's language with its number.
export function said(curves, phrase, number) { return curves.data.words[phrase].replace("{number}", () => number); }

export function traces(curves) {
  if (stacked(curves.data)) return stackTraces(curves);
  const now = theme(curves.root), background = curves.data.layout[now].background, named = new Map(), result = [];
  const many = new Set(curves.runs.filter((run) => run.role !== "teacher").map((run) => run.seed)).size > 1;
  const view = viewOf(curves.data), looks = curves.lines.looks(curves.runs, now, curves.plot._fullData || []);
  const push = (trace, group, legendable) => {
    const first = legendable && !named.has(group);
    if (first) named.set(group, named.size);
    result.push({ type: "scatter", legendgroup: group, showlegend: first, visible: looks.get(group), ...trace, uid: safe(trace.uid) });
  };
  const meant = !many ? new Set() : withMean(curves, now);
  for (const run of curves.runs) {
    const look = run.style[now], teacher = run.role === "teacher";
    if (!looks.has(look.group)) continue;
    for (const line of series(curves, run)) {
      if (!line.points.length) continue;
      const [x, y] = thin(line.points.map((p) => p[0]), line.points.map((p) => p[1]));
      const seed = teacher ? "" : ` · ${said(curves, "seed", run.seed)}`;
      push({
        uid: line.key, name: look.name + line.suffix + reading(curves, view, y), x, y, mode: line.points.length === 1 ? "markers" : "lines",
        marker: { color: look.color, size: 5 }, opacity: !teacher && many ? 0.5 : 1,
        line: { color: look.color, dash: line.dash || look.dash, width: teacher || !many ? 2 : 1.1 },
        hovertemplate: `<b>${look.name}${line.suffix}</b>${seed}<br>${said(curves, "epoch", "%{x}")}: %{y:.4~g}<extra></extra>`,
      }, look.group, !meant.has(look.group));
    }
  }
  for (const group of looks.keys()) {
    const mine = curves.runs.filter((run) => run.style[now].group === group), look = mine[0].style[now];
    if (meant.has(group)) pushMean(curves, push, look, mine, view);
    if (view.validation) pushBest(curves, push, look, mine, view, background);
  }
  return result;
}

// In a replay the legend tells each line's value at the epoch shown, always as wide, so that nothing moves.
function reading(curves, view, y) {
  if (!curves.replay.on) return "";
  const digits = view.unit === "%" ? 1 : 3, value = y.at(-1);
  return `  ${(value === null ? "–" : value.toFixed(digits)).padStart(digits + 4, FIGURE_SPACE)}`;
}

// Variants of which two seeds or more are finished.
function withMean(curves, now) {
  const counts = new Map();
  for (const run of curves.runs) {
    const group = run.style[now].group;
    if (run.role !== "teacher" && isWhole(curves, run)) counts.set(group, (counts.get(group) || 0) + 1);
  }
  return new Set([...counts.keys()].filter((group) => counts.get(group) > 1));
}

// The thick line: mean over the finished seeds, so that a seed under way never bends it.
function pushMean(curves, push, look, mine, view) {
  const whole = mine.filter((run) => isWhole(curves, run));
  const byEpoch = new Map();
  for (const run of whole) for (const point of curves.held(run.id)) {
    const value = view.value(point);
    if (value !== null) byEpoch.set(point[1], [...(byEpoch.get(point[1]) || []), value]);
  }
  const epochs = [...byEpoch.keys()].filter((e) => byEpoch.get(e).length === whole.length).sort((a, b) => a - b);
  const means = epochs.map((e) => byEpoch.get(e).reduce((a, b) => a + b, 0) / whole.length);
  const [x, y] = thin(epochs, means);
  push({
    uid: `mean/${look.group}`, name: look.name + reading(curves, view, y), x, y, mode: "lines", line: { color: look.color, dash: look.dash, width: 2.8 },
    hovertemplate: `<b>${look.name}</b>, ${said(curves, "mean", whole.length)}<br>${said(curves, "epoch", "%{x}")}: %{y:.4~g}<extra></extra>`,
  }, look.group, true);
}

function pushBest(curves, push, look, mine, view, background) {
  const x = [], y = [], text = [];
  for (const run of mine) {
    const best = bestPoint(curves, run);
    if (!best) continue;
    x.push(best[1]); y.push(view.value(best));
    const seed = run.role === "teacher" ? "" : ` · ${said(curves, "seed", run.seed)}`;
    text.push(`<b>${look.name}</b>${seed}<br>${said(curves, "best", best[1])}${run.stop_rule ? `<br>${run.stop_rule}` : ""}`);
  }
  if (!x.length) return;
  push({
    uid: `best/${look.group}`, name: look.name, x, y, text, mode: "markers",
    marker: { color: background, size: 7, symbol: look.symbol, line: { color: look.color, width: 1.8 } },
    hovertemplate: "%{text}<br>%{y:.4~g}<extra></extra>",
  }, look.group, false);
}
