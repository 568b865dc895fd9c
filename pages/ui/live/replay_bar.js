// The bar below the chart that a replay is steered with: buttons, a slider and keys.

import { SPEEDS } from "./replay.js";

const ICONS = {
  play: "M7 4l13 8-13 8z", pause: "M6 4h4v16H6zM14 4h4v16h-4z",
  back: "M5 4h3v16H5zM20 4v16L9 12z", forward: "M16 4h3v16h-3zM4 4v16l11-8z",
};
const KEYS = { ArrowLeft: (replay) => replay.step(-1), ArrowRight: (replay) => replay.step(1),
  Home: (replay) => replay.goTo(1), End: (replay) => replay.goTo(replay.last), k: (replay) => replay.toggle() };

function icon(name) {
  const drawing = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  drawing.setAttribute("viewBox", "0 0 24 24");
  drawing.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", ICONS[name]);
  drawing.append(path);
  return drawing;
}

export class ReplayBar {
  constructor(replay) {
    this.replay = replay;
    this.element = document.createElement("div");
    this.element.className = "lab-replay";
    this.element.setAttribute("role", "group");
    const button = (name, act) => {
      const made = document.createElement("button");
      made.type = "button";
      made.dataset.act = name;
      made.addEventListener("click", act);
      return made;
    };
    this.opener = button("open", () => { replay.open(); this.toggle.focus(); });
    this.back = button("back", () => replay.step(-1));
    this.toggle = button("toggle", () => replay.toggle());
    this.forward = button("forward", () => replay.step(1));
    this.leave = button("leave", () => { replay.close(); this.opener.focus(); });
    this.back.append(icon("back"));
    this.forward.append(icon("forward"));
    this.slider = document.createElement("input");
    this.slider.type = "range";
    this.slider.min = "1";
    this.slider.addEventListener("input", () => replay.goTo(Number(this.slider.value)));
    this.told = document.createElement("output");
    this.speed = document.createElement("select");
    this.speed.append(...SPEEDS.map((speed) => new Option(`${speed}×`, String(speed))));
    this.speed.addEventListener("change", () => replay.setSpeed(Number(this.speed.value)));
    this.element.append(this.opener, this.back, this.toggle, this.forward, this.slider, this.told, this.speed, this.leave);
    this.element.addEventListener("keydown", (event) => this.press(event));
  }

  // The slider and the list of speeds have the arrow keys for themselves.
  press(event) {
    const key = KEYS[event.key], own = event.target === this.speed || (event.target === this.slider && event.key !== "k");
    if (!key || own || !this.replay.on || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    key(this.replay);
  }

  // `words` in the reader's language, or null where no replay is offered; `ended`: nothing more will come.
  show(words, { ended, any }) {
    const { replay } = this, { on, playing, shown, last } = replay;
    this.element.hidden = !words || !any || (last < 2 && !on);
    if (this.element.hidden) return;
    this.element.setAttribute("aria-label", words.replay);
    this.opener.hidden = on;
    if (!this.opener.childElementCount || this.opener.title !== words.help) {
      this.opener.replaceChildren(icon("play"), words.replay);
      this.opener.title = words.help;
    }
    for (const part of [this.back, this.toggle, this.forward, this.slider, this.told, this.speed, this.leave]) part.hidden = !on;
    if (!on) return;
    for (const [part, label] of [[this.back, words.back], [this.toggle, playing ? words.pause : words.play], [this.forward, words.forward]]) {
      part.setAttribute("aria-label", label);
      part.title = label;
    }
    const sign = playing ? "pause" : "play";
    if (this.toggle.dataset.sign !== sign) { this.toggle.dataset.sign = sign; this.toggle.replaceChildren(icon(sign)); }
    // Not `disabled`: a button that is would lose the keyboard's focus at either end.
    this.back.setAttribute("aria-disabled", String(shown <= 1));
    this.forward.setAttribute("aria-disabled", String(shown >= last));
    const told = words.epoch.replace("{epoch}", String(shown)).replace("{last}", String(last));
    this.slider.max = String(last);
    this.slider.value = String(shown);
    this.slider.setAttribute("aria-label", words.slider);
    this.slider.setAttribute("aria-valuetext", told);
    // Read aloud where the reader stops, not at every epoch that goes by.
    this.told.setAttribute("aria-live", playing ? "off" : "polite");
    this.told.textContent = told;
    this.speed.value = String(replay.speed);
    this.speed.setAttribute("aria-label", words.speed);
    this.speed.title = words.speed;
    this.leave.textContent = ended ? words.whole : words.live;
  }
}
