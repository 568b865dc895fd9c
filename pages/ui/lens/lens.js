// The dark-knowledge lens: one sample, every network's soft label at one temperature, epoch by epoch.
// It fetches the logits once (/lab/lens/<id>); dragging, scrubbing and picking then ask nobody and run no script.

const PLAY_MS = 240;           // for each epoch

class Lens {
  constructor(root, data) {
    this.root = root;
    this.data = data;
    root.className = `lab-root lab-lens${data.large ? " large" : ""}`;
    root.replaceChildren();
    this.status = made("p", "trouble", root);
    this.body = made("div", "body", root);
    this.body.hidden = true;
    const left = made("div", "left", this.body), right = made("div", "right", this.body);
    this.story = new Story(left, data.words);
    this.gallery = new Gallery(left, data.words, (place) => { this.sample = place; this.moved(); this.rest(); });
    this.controls(made("div", "controls", right));
    this.legend = made("p", "legend", right);
    this.cards = made("div", "cards", right);
    this.table = new NumbersTable(right, data.words, () => this.draw());
    this.reading(right);
    this.said = made("div", "said", root);
    this.said.setAttribute("aria-live", "polite");
    this.begin();
  }

  // What can be moved -------------------------------------------------------------------------

  controls(parent) {
    const { words } = this.data, shown = (name) => this.data.controls.includes(name);
    this.warm = slider(parent, words.temperature, (place) => { this.temperature = temperatureOf(place); this.moved(); }, () => this.rest());
    this.warm.input.max = SLIDER_STEPS;
    this.warm.row.hidden = !shown("temperature");
    this.ticks = made("div", "ticks", parent);
    this.ticks.hidden = !shown("temperature");
    const play = made("div", "play-row", parent);
    this.playing = null;
    this.play = button("", play, () => this.toggle(), "play");
    this.time = slider(play, words.epoch, (place) => { this.pause(); this.moment = place; this.moved(); }, () => this.rest());
    this.playRow = play;
    const row = made("div", "choices", parent);
    const seed = chooser(row, words.seed, (value) => this.load({ seed: Number(value) }));
    this.seed = seed.select;
    this.seedRow = seed.row;
    const scale = chooser(row, words.scale, (value) => { this.scale = value; this.moved(); });
    offer(scale.select, [["even", words.scale_even], ["log", words.scale_log]], "even");
    scale.row.hidden = !shown("scale");
    this.scale = "even";
  }

  reading(parent) {
    const { words } = this.data, box = made("details", "reading", parent);
    made("summary", "", box, words.how_to_read);
    const list = made("dl", "", box);
    for (const name of FIGURES) { made("dt", "", list, words.figures[name]); made("dd", "", list, words.meaning[name]); }
    box.hidden = !this.data.controls.includes("figures");
    this.table.root.hidden = !this.data.controls.includes("table");
    this.gallery.root.hidden = !this.data.controls.includes("samples");
    this.root.classList.toggle("plain", !this.data.controls.includes("figures"));
  }

  // What is looked at -------------------------------------------------------------------------

  begin() {
    this.start = JSON.stringify(this.data.start);
    this.temperature = Math.min(WARMEST, Math.max(1, this.data.start.temperature));
    this.load({ ...this.data.start });
  }

  update(data) {
    const other = JSON.stringify(data.start) !== this.start;
    this.data = data;
    if (other) this.begin();
    else if (this.content) this.writeAddress();
  }

  async load(wanted) {
    this.pause();
    this.asking?.abort();
    const asking = this.asking = new AbortController();
    const seed = wanted.seed ?? null, place = `${this.data.base}/lab/lens/${encodeURIComponent(this.data.experiment)}`;
    const query = seed === null ? "" : `seed=${seed}`;
    try {
      const content = await this.fetched(`${place}?${query}`, asking, "json");
      this.take(content, wanted);
      if (!content.networks.some((network) => network.epochs.length)) return;
      const block = await this.fetched(`${place}?${query}&part=epochs`, asking, "arrayBuffer");
      const size = content.samples.length * content.classes.length;
      const expected = content.networks.reduce((sum, network) => sum + 2 * network.epochs.length * size, 0);
      if (block.byteLength !== expected) throw new Error(this.data.words.torn);
      this.byEpoch = unpacked(block, content.networks, content.samples.length, content.classes.length);
      this.scrubbing(wanted.epoch ?? null);
      this.draw();
    } catch (error) {
      if (error.name === "AbortError") return;
      say(this.status, fill(this.data.words.trouble, { why: error.message }));
      this.status.hidden = false;
    }
  }

  async fetched(address, asking, kind) {
    const answer = await fetch(address, { signal: asking.signal });
    if (answer.ok) return answer[kind]();
    const told = await answer.json().catch(() => ({}));
    throw new Error(told.error || String(answer.status));
  }

  take(content, wanted) {
    const before = this.content && this.sample !== undefined ? this.content.samples[this.sample]?.row : undefined;
    this.content = content;
    this.byEpoch = null;
    this.epochs = [];
    this.moment = 0;
    this.names = content.classes;
    this.teacher = content.networks.find((network) => network.role === "teacher") || null;
    this.status.hidden = true;
    this.body.hidden = false;
    this.gallery.tell(content);
    this.sample = this.first(wanted.sample ?? before ?? null, wanted.class_name ?? null);
    this.cards.replaceChildren();
    this.shown = content.networks.map((network) => new NetworkCard(this.cards, network, this.data.words));
    const few = content.networks.filter((network) => this.data.networks.includes(network.name));
    this.shown.forEach((card) => { card.root.hidden = few.length > 0 && !few.includes(card.network); });
    offer(this.seed, content.seeds.map((one) => [String(one), String(one)]), String(content.seed));
    this.seedRow.hidden = content.seeds.length < 2 || !this.data.controls.includes("seed");
    this.marks();
    this.scrubbing(null);
    this.moved();
    this.describe();
  }

  // The sample to begin with: by its row, of a class, of a class nobody saw, or of those that the teacher gets right
  // the one about which it has most to tell.
  first(row, className) {
    const { samples, classes, withheld } = this.content;
    const by = (fits) => samples.findIndex(fits);
    let found = row === null ? -1 : by((sample) => sample.row === row);
    if (found < 0 && className !== null) found = by((sample) => sample.label !== null && classes[sample.label] === className);
    if (found < 0 && withheld.length) found = by((sample) => withheld.includes(sample.label));
    if (found >= 0) return found;
    const told = samples.map(({ label }, place) => {
      const said = this.teacher ? readout(this.teacher.final[place], null, 2) : null;
      return said && said.top === label ? said.entropy : 0;
    });
    return told.indexOf(Math.max(...told));
  }

  marks() {
    const trained = this.trained = this.content.networks.map((network) => network.temperature).filter((one) => one >= 1 && one <= WARMEST);
    const every = [...new Set([...SNAPS, ...trained])].sort((a, b) => a - b);
    this.ticks.replaceChildren(...every.map((one) => {
      const tick = button(warmth(one), null, () => { this.temperature = one; this.moved(); this.rest(); }, "tick");
      tick.style.setProperty("--at", Math.log(one) / Math.log(WARMEST));
      tick.classList.toggle("trained", trained.includes(one));
      tick.tabIndex = -1;
      tick.setAttribute("aria-label", `T = ${warmth(one)}`);
      tick.title = trained.includes(one) ? fill(this.data.words.trained_at, { t: warmth(one) }) : "";
      return tick;
    }));
  }

  // Epochs ------------------------------------------------------------------------------------

  // The moments are all noted epochs, and last the networks as they were kept.
  scrubbing(epoch) {
    const known = this.byEpoch ? new Set(this.content.networks.flatMap((network) => network.epochs)) : new Set();
    this.epochs = [...known].sort((a, b) => a - b);
    this.moment = this.epochs.length;
    const at = epoch === null ? -1 : this.epochs.findIndex((one) => one >= epoch);
    if (at >= 0) this.moment = at;
    this.time.input.max = this.epochs.length;
    this.playRow.hidden = !this.epochs.length || !this.data.controls.includes("epochs");
    this.showPlay();
  }

  get epoch() { return this.moment < this.epochs.length ? this.epochs[this.moment] : null; }

  // A run that ended early stays as it ended.
  logitsOf(number) {
    const network = this.content.networks[number];
    if (this.epoch === null || !network.epochs.length) return network.final[this.sample];
    const at = network.epochs.findLastIndex((one) => one <= this.epoch);
    return this.byEpoch[number](Math.max(0, at), this.sample);
  }

  stateOf(network) {
    const { words } = this.data;
    if (this.epoch === null || !network.epochs.length) {
      return network.role === "teacher" || !network.best ? words.kept_plain : fill(words.kept, { epoch: network.best });
    }
    return fill(words.after, { epoch: network.epochs.findLast((one) => one <= this.epoch) ?? network.epochs[0] });
  }

  toggle() {
    if (this.playing) { this.pause(); this.rest(); return; }
    if (this.moment >= this.epochs.length) this.moment = 0;
    this.playing = setInterval(() => {
      this.moment += 1;
      if (this.moment >= this.epochs.length) { this.pause(); this.rest(); }
      this.moved();
    }, PLAY_MS);
    this.showPlay();
    this.moved();
  }

  pause() {
    clearInterval(this.playing);
    this.playing = null;
    if (this.play) this.showPlay();
  }

  showPlay() {
    const { words } = this.data;
    say(this.play, this.playing ? "❚❚" : "▶");
    this.play.setAttribute("aria-label", this.playing ? words.pause : words.play);
    this.play.title = this.playing ? words.pause : words.play;
  }

  // Showing -----------------------------------------------------------------------------------

  // However many moves come before the next frame, it is drawn once.
  moved() {
    this.waiting ??= requestAnimationFrame(() => { this.waiting = null; this.draw(); });
  }

  found() {
    const told = this.teacher ? this.teacher.final[this.sample] : null;
    return this.content.networks.map((network, number) => readout(
      this.logitsOf(number), network === this.teacher ? null : told, this.temperature,
    ));
  }

  draw() {
    if (!this.content) return;
    const { words } = this.data, { samples, networks, withheld } = this.content, sample = samples[this.sample];
    const found = this.found(), teacher = this.teacher ? found[networks.indexOf(this.teacher)] : null;
    const order = (this.teacher || networks[0]).final[this.sample];
    const classes = shownClasses(order, MOST_CLASSES, [sample.label, ...withheld]);
    this.story.tell(sample, this.content);
    this.shown.forEach((card, number) => {
      card.place(classes, this.names, sample.label, withheld);
      card.draw(found[number], teacher, this.names, this.scale, this.stateOf(networks[number]));
    });
    const t = warmth(this.temperature);
    say(this.warm.value, `T = ${t}`);
    this.warm.input.value = sliderOf(this.temperature);
    this.warm.input.setAttribute("aria-valuetext", `T = ${t}`);
    const moment = this.epoch === null ? words.end : fill(words.of_epochs, { epoch: this.epoch, last: this.epochs.at(-1) });
    say(this.time.value, moment);
    this.time.input.value = this.moment;
    this.time.input.setAttribute("aria-valuetext", moment);
    say(this.legend, [
      fill(this.names.length > classes.length ? words.legend_some : words.legend, { shown: classes.length, all: this.names.length }),
      this.trained.length ? words.underlined : "",
    ].filter(Boolean).join(" "));
    this.gallery.mark(this.sample);
    const own = withheld.includes(sample.label), of = own ? sample.label : withheld[0] ?? null;
    const onOthers = own && this.teacher ? carried(this.teacher.final, samples.map((one) => one.label), of, this.temperature) : { mean: null, most: [] };
    this.story.explain(of, this.content, this.temperature, { own, teacher, networks, found, onOthers });
    this.table.draw(this.names, networks, found);
    this.root.dataset.drawn = `${sample.row} ${t} ${this.epoch ?? "kept"}`;
  }

  // The hand rests: the address and the words for those who do not see it are told once.
  rest() {
    this.moved();
    clearTimeout(this.resting);
    this.resting = setTimeout(() => { this.describe(); this.writeAddress(); }, 120);
  }

  describe() {
    const found = this.found();
    this.shown.forEach((card, number) => card.describe(found[number], this.names, this.temperature));
    say(this.said, this.shown.filter((card) => !card.root.hidden).map((card) => card.plot.getAttribute("aria-label")).join(" "));
  }

  writeAddress() {
    if (!this.data.in_address) return;
    const address = new URL(location.href), told = address.searchParams;
    told.set("sample", this.content.samples[this.sample].row);
    told.set("t", warmth(this.temperature));
    if (this.epoch === null) told.delete("epoch"); else told.set("epoch", this.epoch);
    if (this.content.seed === this.content.seeds[0]) told.delete("seed"); else told.set("seed", this.content.seed);
    if (address.href !== location.href) history.replaceState(history.state, "", address);
  }

  stop() {
    this.pause();
    this.asking?.abort();
    clearTimeout(this.resting);
    this.waiting = void cancelAnimationFrame(this.waiting);
  }
}

export default function (component) {
  const { data, parentElement } = component, root = parentElement.querySelector(".lab-root");
  if (root.lab && root.lab.data.experiment !== data.experiment) { root.lab.stop(); root.lab = null; }
  if (root.lab) root.lab.update(data); else root.lab = new Lens(root, data);
  return () => root.lab?.stop();
}
