// Beside the sample: what it is, and, of a class that no student saw in training, how they heard of it all the same.

class Story {
  constructor(parent, words) {
    this.words = words;
    this.root = made("section", "story", parent);
    this.picture = made("img", "", this.root);
    this.picture.alt = words.the_sample;
    this.text = made("blockquote", "", this.root);
    const lines = made("div", "lines", this.root);
    this.title = made("div", "truth", lines);
    this.row = made("div", "row", lines);
    this.unseen = made("div", "unseen-box", this.root);
    this.lead = made("b", "", this.unseen);
    this.heard = made("p", "", this.unseen);
    this.said = made("p", "", this.unseen);
  }

  tell(sample, data) {
    const { words } = this, name = sample.label === null ? "" : data.classes[sample.label];
    this.picture.hidden = !sample.picture;
    if (sample.picture && this.picture.src !== sample.picture) {
      this.picture.src = sample.picture;
      this.picture.classList.toggle("crisp", sample.crisp);
    }
    this.text.hidden = !sample.text;
    say(this.text, sample.text);
    say(this.title, name ? fill(words.truth, { class: name }) : words.unknown);
    say(this.row, fill(words.row, { row: sample.row }));
  }

  // `withheld`: the class to tell of, or null; `teacher` and `found` are readouts, `networks` those of `found`.
  explain(withheld, data, temperature, { own, teacher, networks, found, onOthers }) {
    this.unseen.hidden = withheld === null;
    if (withheld === null) return;
    const { words } = this, name = data.classes[withheld], t = warmth(temperature);
    say(this.lead, fill(words.never_saw, { class: name }));
    if (!own) {
      say(this.heard, teacher ? fill(words.carried_here, { class: name, t, share: percent(teacher.shares[withheld]) }) : "");
      say(this.said, "");
      return;
    }
    const { mean, most } = onOthers;
    say(this.heard, mean === null ? "" : fill(words.carried, {
      class: name, t, share: percent(mean), most: most.slice(0, 3).map(([k, share]) => valued(data.classes[k], share)).join(", "),
    }));
    const said = networks.map((network, at) => (network.role === "teacher" || !found[at] ? "" : valued(network.name, found[at].shares[withheld])));
    say(this.said, fill(words.now_say, { class: name, t, shares: said.filter(Boolean).join(", ") }));
  }
}
