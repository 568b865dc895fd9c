// The samples to pick from: pictures or lines of text in a grid, a filter by true class, arrow keys from one to the next.

class Gallery {
  constructor(parent, words, act) {
    this.words = words;
    this.act = act;
    this.only = null;          // the class shown alone, by place
    this.tiles = [];
    this.root = made("section", "gallery", parent);
    this.filter = made("div", "filter", this.root);
    this.list = made("div", "tiles", this.root);
    this.list.setAttribute("role", "listbox");
    this.list.setAttribute("aria-label", words.samples);
    this.list.addEventListener("keydown", (event) => this.key(event));
  }

  // Each sample's tile, and the filter; `classes` are the names of all.
  tell(data) {
    this.data = data;
    this.list.classList.toggle("texts", data.samples.every((sample) => !sample.picture && sample.text));
    this.tiles = data.samples.map((sample, place) => {
      const tile = button("", null, () => this.act(place), "tile");
      if (sample.picture) {
        const picture = made("img", sample.crisp ? "crisp" : "", tile);
        picture.src = sample.picture;
        picture.alt = "";
        picture.draggable = false;
      } else made("span", "", tile, sample.text || `#${sample.row}`);
      tile.setAttribute("role", "option");
      tile.setAttribute("aria-label", this.nameOf(sample));
      tile.title = this.nameOf(sample);
      return tile;
    });
    this.list.replaceChildren(...this.tiles);
    this.filters();
    this.choose(this.only);
  }

  nameOf(sample) {
    const name = sample.label === null ? this.words.unknown : this.data.classes[sample.label];
    return fill(this.words.sample_name, { row: sample.row, class: name });
  }

  filters() {
    const present = [...new Set(this.data.samples.map((sample) => sample.label))].filter((one) => one !== null);
    present.sort((a, b) => a - b);
    this.filter.replaceChildren();
    this.chips = new Map();
    if (present.length > MOST_CLASSES) {
      const { select } = chooser(this.filter, this.words.only_class, (value) => this.pick(value === "" ? null : Number(value)));
      offer(select, [["", this.words.all], ...present.map((k) => [String(k), this.data.classes[k]])], "");
      this.select = select;
      return;
    }
    this.filter.setAttribute("role", "group");
    this.filter.setAttribute("aria-label", this.words.only_class);
    for (const k of [null, ...present]) {
      const chip = button(k === null ? this.words.all : this.data.classes[k], this.filter, () => this.pick(k), "chip");
      chip.classList.toggle("unseen", this.data.withheld.includes(k));
      this.chips.set(k, chip);
    }
  }

  // A press on the filter takes the first sample of the class, so that something is to be seen at once.
  pick(k) {
    this.choose(k);
    const first = this.data.samples.findIndex((sample) => k === null || sample.label === k);
    if (k !== null && first >= 0) this.act(first);
  }

  choose(k) {
    this.only = k;
    this.data.samples.forEach((sample, place) => { this.tiles[place].hidden = k !== null && sample.label !== k; });
    for (const [of, chip] of this.chips) chip.setAttribute("aria-pressed", String(of === k));
    if (this.select?.isConnected) this.select.value = k === null ? "" : String(k);
  }

  // Once for each choice: asking where a tile stands costs a layout.
  mark(chosen) {
    const tile = this.tiles[chosen];
    if (tile === this.marked) return;
    this.marked = tile;
    this.tiles.forEach((tile, place) => {
      tile.setAttribute("aria-selected", String(place === chosen));
      tile.tabIndex = place === chosen ? 0 : -1;
    });
    // Only the list scrolls, never the page.
    if (tile && !tile.hidden) {
      const box = tile.getBoundingClientRect(), room = this.list.getBoundingClientRect();
      if (box.top < room.top) this.list.scrollTop -= room.top - box.top + 4;
      else if (box.bottom > room.bottom) this.list.scrollTop += box.bottom - room.bottom + 4;
    }
  }

  key(event) {
    const shown = this.tiles.filter((tile) => !tile.hidden), at = shown.indexOf(event.target.closest(".tile"));
    if (at < 0) return;
    const first = shown[0].getBoundingClientRect().top;
    const across = Math.max(1, shown.filter((tile) => Math.abs(tile.getBoundingClientRect().top - first) < 2).length);
    const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -across, ArrowDown: across, Home: -at, End: shown.length - 1 - at };
    if (!(event.key in by)) return;
    event.preventDefault();
    const next = shown[Math.min(shown.length - 1, Math.max(0, at + by[event.key]))];
    this.act(this.tiles.indexOf(next));
    next.focus();
  }
}
