// Which variants are on the chart: all of few; of many those that lead, as the server tells, and the others a press away.

import { stacked } from "./stacks.js";

// More lines on one chart cannot be told apart.
const MOST_LINES = 8;

export class Lines {
  // `changed()` draws the chart anew; `address` is the query of the page's, which may ask for the whole legend.
  constructor({ address, changed }) {
    this.changed = changed;
    this.all = new URLSearchParams(address).get("lines") === "all";
    this.usual = new Map();   // group -> what it was drawn with, unless the reader chose otherwise
    this.drawn = new Set();
    this.points = 0;
    this.element = document.createElement("div");
    this.element.className = "lab-lines";
    this.element.hidden = true;
    this.text = document.createElement("span");
    this.button = document.createElement("button");
    this.button.type = "button";
    this.button.addEventListener("click", () => { this.all = !this.all; this.write(); this.changed(); });
    this.element.append(this.text, this.button);
  }

  // By group, whether it leads, in the order of the legend.
  groups(runs, theme) {
    const found = new Map();
    for (const run of runs) found.set(run.style[theme].group, run.leads !== false);
    if (found.size <= MOST_LINES) for (const group of found.keys()) found.set(group, true);
    return found;
  }

  // By group to draw, `true` or "legendonly". What the reader did in the legend outlasts a change of those that lead.
  looks(runs, theme, before) {
    const seen = new Map(before.map((trace) => [trace.legendgroup, trace.visible])), result = new Map(), usual = new Map();
    for (const [group, leads] of this.groups(runs, theme)) {
      const own = leads ? true : "legendonly", was = this.usual.get(group);
      const look = seen.has(group) && was !== undefined && seen.get(group) !== was ? seen.get(group) : own;
      usual.set(group, own);
      if (leads || this.all || look === true) result.set(group, look);
    }
    this.usual = usual;
    this.drawn = new Set(result.keys());
    return result;
  }

  draws(group) { return this.drawn.has(group); }

  // Who leads may have changed once there are twice as many points.
  outdated(runs, points) {
    return runs.some((run) => run.leads === false) && pointsHeld(points) > 2 * this.points;
  }

  told(points) { this.points = pointsHeld(points); }

  show(data, runs, theme) {
    const { words } = data, groups = this.groups(runs, theme), leading = [...groups.values()].filter(Boolean).length;
    // The stacked views show one variant's terms.
    this.element.hidden = leading === groups.size || stacked(data);
    if (this.element.hidden) return;
    this.text.textContent = (this.all ? words.listed : words.leading).replace("{shown}", String(leading)).replace("{total}", String(groups.size));
    this.button.textContent = (this.all ? words.fewer : words.every).replace("{shown}", String(leading)).replace("{total}", String(groups.size));
  }

  // Into the address without a script run; the next one brings it along.
  write() {
    const address = new URL(window.location.href);
    if (this.all) address.searchParams.set("lines", "all"); else address.searchParams.delete("lines");
    window.history.replaceState(window.history.state, "", address);
  }
}

function pointsHeld(points) { return [...points.values()].reduce((sum, some) => sum + some.length, 0); }
