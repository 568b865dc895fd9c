// One network's soft label as bars, a bar a class, with the teacher's as a line on each, and its figures beside.

const FIGURES = ["entropy", "kl", "scaled", "gradient"];
const NUMBER_HIGH = 0.17;      // a number's height as a part of the bars' room
const LEAST_LOG = -5;          // the bottom of the scale that magnifies small shares: 0.001%

class NetworkCard {
  constructor(parent, network, words) {
    this.network = network;
    this.words = words;
    this.root = made("article", "network", parent);
    this.root.style.setProperty("--ink", inkOf(network.colour));
    this.root.dataset.role = network.role;
    const head = made("header", "", this.root);
    made("i", "", head);
    made("b", "", head, network.name);
    this.state = made("span", "state", head);
    this.top = made("span", "top", head);
    this.plot = made("div", "plot", this.root);
    this.plot.setAttribute("role", "img");
    this.columns = [];
    this.figures = made("dl", "figures", this.root);
    this.values = Object.fromEntries(FIGURES.map((name) => {
      if (network.role === "teacher" && name !== "entropy") return [name, null];
      const row = made("div", "", this.figures);
      row.title = words.meaning[name];
      made("dt", "", row, words.figures[name]);
      return [name, made("dd", "", row)];
    }));
  }

  // The classes to show, by place; the true one is marked, and those that no student saw.
  place(classes, names, truth, withheld) {
    const key = JSON.stringify([classes, truth]);
    if (key === this.key) return;
    this.key = key;
    this.classes = classes;
    this.plot.classList.toggle("many", classes.length > 10);
    this.plot.replaceChildren();
    this.columns = classes.map((k) => {
      const column = made("div", "column", this.plot), track = made("div", "track", column);
      column.classList.toggle("true", k === truth);
      column.classList.toggle("unseen", withheld.includes(k));
      const bar = made("div", "bar", track), line = made("div", "line", track), value = made("span", "value", track);
      made("span", "class", column, names[k]).title = names[k];
      return { bar, line, value };
    });
  }

  height(share, scale) {
    const part = scale === "log" ? 1 - Math.log10(Math.max(share, 1e-12)) / LEAST_LOG : share;
    return Math.min(1, Math.max(0, part));
  }

  // `found` and `teacher` are readouts; null where the logits are no numbers.
  draw(found, teacher, names, scale, state) {
    say(this.state, state);
    this.root.classList.toggle("silent", !found);
    this.columns.forEach(({ bar, line, value }, at) => {
      const k = this.classes[at], share = found ? found.shares[k] : 0, high = this.height(share, scale);
      const level = this.network.role !== "teacher" && teacher ? this.height(teacher.shares[k], scale) : null;
      bar.style.transform = `scaleY(${high})`;
      line.hidden = level === null;
      if (level !== null) line.style.bottom = `${100 * level}%`;
      // On its bar, but never across the line.
      const crossed = level !== null && level > high - 0.02 && level - high < NUMBER_HIGH;
      value.style.bottom = `${100 * (crossed ? level : high)}%`;
      say(value, !found || share < 0.01 ? "" : `${Math.round(100 * share)}%`);
    });
    say(this.top, found ? fill(this.words.top, { class: names[found.top], share: percent(found.shares[found.top]) }) : this.words.silent);
    for (const name of FIGURES) if (this.values[name]) say(this.values[name], found ? figure(found[name]) : "–");
  }

  // For those who do not see the bars; told when the hand rests, not at every move.
  describe(found, names, temperature) {
    this.plot.setAttribute("aria-label", found ? fill(this.words.summary, {
      name: this.network.name, t: warmth(temperature), shares: listed(found.shares, names, 3),
    }) : this.words.silent);
  }
}

function valued(name, share) { return `${name} (${percent(share)})`; }

function listed(shares, names, most) {
  const order = [...shares.keys()].sort((a, b) => shares[b] - shares[a]).slice(0, most);
  return order.map((k) => valued(names[k], shares[k])).join(", ");
}

// All numbers in rows and columns, written only while it is open.
class NumbersTable {
  constructor(parent, words, redraw) {
    this.words = words;
    this.root = made("details", "numbers", parent);
    made("summary", "", this.root, words.table);
    this.table = made("table", "", made("div", "scroll", this.root));
    this.root.addEventListener("toggle", redraw);
  }

  draw(names, networks, found) {
    if (!this.root.open) return;
    const head = [this.words.class, ...networks.map((network) => network.name)];
    const rows = names.map((name, k) => [name, ...found.map((one) => (one ? percent(one.shares[k]) : "–"))]);
    for (const one of FIGURES) rows.push([this.words.figures[one], ...found.map((each) => figure(each ? each[one] : null))]);
    this.table.replaceChildren();
    const titles = made("tr", "", made("thead", "", this.table)), body = made("tbody", "", this.table);
    for (const text of head) made("th", "", titles, text).scope = "col";
    for (const [first, ...rest] of rows) {
      const row = made("tr", "", body);
      made("th", "", row, first).scope = "row";
      for (const text of rest) made("td", "", row, text);
    }
  }
}
