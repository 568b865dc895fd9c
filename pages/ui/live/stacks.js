// Stacked areas: what each term of one variant contributes to its loss, or to its gradient, epoch by epoch.
// Stacks of several variants could not be read over each other: the page says whose runs are shown (`data.stack`).

import { theme } from "./looks.js";
import { number } from "./readings.js";
import { MOST_POINTS } from "./thinning.js";

// Where a point holds the amounts of its terms.
const AMOUNTS = { terms: 5, gradients: 7 };
const PATTERNS = ["", "/", ".", "\\", "x", "-", "+"];

// The shares of one point in percent, by term; null where nothing was measured, or nothing pulls.
function sharesOf(point, column) {
  const amounts = point[column] || {}, names = Object.keys(amounts);
  const counted = names.map((name) => Math.max(number(amounts[name]) ?? NaN, 0)), total = counted.reduce((a, b) => a + b, 0);
  if (names.length < 2 || !(total > 0)) return null;
  return new Map(names.map((name, index) => [name, (100 * counted[index]) / total]));
}

// By epoch, the mean over the seeds that tell something of it: [[epoch, Map(term -> percent), seeds], ...].
function meanShares(curves, column) {
  const byEpoch = new Map();
  for (const id of curves.data.stack) for (const point of curves.held(id)) {
    const shares = sharesOf(point, column);
    if (shares) byEpoch.set(point[1], [...(byEpoch.get(point[1]) || []), shares]);
  }
  return [...byEpoch].sort((a, b) => a[0] - b[0]).map(([epoch, all]) => {
    const mean = (name) => all.reduce((sum, one) => sum + (one.get(name) || 0), 0) / all.length;
    return [epoch, new Map([...all[0].keys()].map((name) => [name, mean(name)])), all.length];
  });
}

export function stacked(data) { return data.view in AMOUNTS; }

export function stackTraces(curves) {
  const { data } = curves, now = theme(curves.root), background = data.layout[now].background;
  const every = meanShares(curves, AMOUNTS[data.view]);
  // All areas of a stack need the same epochs, so they are thinned together; the last stays.
  const stride = Math.ceil(every.length / (MOST_POINTS / 2)), shown = every.filter((_, i) => i % stride === 0 || i === every.length - 1);
  if (!shown.length) return [];
  return [...shown[0][1].keys()].map((name, index) => {
    const color = data.bands[now][index % data.bands[now].length], title = data.terms[name] || name;
    return {
      type: "scatter", stackgroup: "shares", mode: shown.length === 1 ? "markers" : "lines", uid: `stack_${index}`, name: title,
      x: shown.map((one) => one[0]), y: shown.map((one) => one[1].get(name) ?? 0), customdata: shown.map((one) => one[2]),
      fillcolor: color, line: { color: background, width: 1 }, marker: { color, size: 9 },
      // Beside the colour, for whoever cannot tell colours apart.
      fillpattern: { shape: PATTERNS[index % PATTERNS.length], fgcolor: background, fgopacity: 0.25, size: 10, solidity: 0.12, fillmode: "overlay", bgcolor: color },
      hovertemplate: data.words.share.replace("{term}", title).replace("{epoch}", "%{x}").replace("{share}", "%{y:.1f}")
        .replace("{seeds}", "%{customdata}") + "<extra></extra>",
    };
  });
}
