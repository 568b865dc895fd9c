// A field to draw in with mouse, finger or pen: keeps strokes as lines, and sends all of them whenever one has ended.
// Lines take the page's text colour, so that light and dark need no drawing anew.

const SVG = "http://www.w3.org/2000/svg";
const SIDE = 100;             // the field's own units
const PEN = 6;
const LEAST_STEP = 0.004;     // of the field's side
const MOST_POINTS = 20000, MOST_STROKES = 500;

class Pad {
  constructor(root, component) {
    this.root = root;
    this.send = component.setStateValue;
    this.strokes = (component.data.strokes || []).map((stroke) => stroke.slice());
    this.lines = [];
    this.open = null;         // the stroke being drawn, and the pointer that draws it
    this.field = document.createElementNS(SVG, "svg");
    this.field.setAttribute("class", "lab-field");
    this.field.setAttribute("viewBox", `0 0 ${SIDE} ${SIDE}`);
    this.field.setAttribute("role", "img");
    this.hint = document.createElementNS(SVG, "text");
    this.hint.setAttribute("x", SIDE / 2);
    this.hint.setAttribute("y", SIDE / 2);
    this.hint.setAttribute("text-anchor", "middle");
    this.field.append(this.hint);
    const tools = document.createElement("div");
    tools.className = "lab-tools";
    this.undo = this.button(() => { this.strokes.pop(); this.changed(); });
    this.clear = this.button(() => { this.strokes = []; this.changed(); });
    tools.append(this.undo, this.clear);
    root.classList.add("lab-pad");
    root.replaceChildren(this.field, tools);
    this.field.addEventListener("pointerdown", (event) => this.begin(event));
    this.field.addEventListener("pointermove", (event) => this.move(event));
    for (const name of ["pointerup", "pointercancel", "lostpointercapture"]) {
      this.field.addEventListener(name, (event) => this.end(event));
    }
    this.draw();
  }

  button(act) {
    const made = document.createElement("button");
    made.type = "button";
    made.addEventListener("click", act);
    return made;
  }

  tell(data) {
    this.hint.textContent = data.hint;
    this.undo.textContent = data.undo;
    this.clear.textContent = data.clear;
    this.field.setAttribute("aria-label", data.label);
  }

  at(event) {
    const box = this.field.getBoundingClientRect();
    const inside = (value) => Math.min(1, Math.max(0, Math.round(value * 1000) / 1000));
    return [inside((event.clientX - box.left) / box.width), inside((event.clientY - box.top) / box.height)];
  }

  begin(event) {
    // One pointer at a time, and only the main button: a palm beside the pen draws nothing.
    if (this.open || event.button !== 0 || this.strokes.length >= MOST_STROKES) return;
    event.preventDefault();
    this.field.setPointerCapture(event.pointerId);
    this.open = { pointer: event.pointerId, stroke: this.at(event) };
    this.strokes.push(this.open.stroke);
    this.draw();
  }

  move(event) {
    if (this.open?.pointer !== event.pointerId) return;
    const { stroke } = this.open, passed = event.getCoalescedEvents?.() ?? [];
    for (const one of passed.length ? passed : [event]) {
      const [x, y] = this.at(one), last = stroke.length - 2;
      if (Math.hypot(x - stroke[last], y - stroke[last + 1]) < LEAST_STEP) continue;
      if (this.strokes.reduce((sum, some) => sum + some.length, 0) >= 2 * MOST_POINTS) break;
      stroke.push(x, y);
    }
    this.draw();
  }

  end(event) {
    if (this.open?.pointer !== event.pointerId) return;
    this.open = null;
    this.changed();
  }

  changed() {
    this.draw();
    this.send("strokes", this.strokes.map((stroke) => stroke.slice()));
  }

  draw() {
    while (this.lines.length > this.strokes.length) this.lines.pop().remove();
    this.strokes.forEach((stroke, place) => {
      if (!this.lines[place]) {
        this.lines[place] = document.createElementNS(SVG, "polyline");
        this.lines[place].setAttribute("stroke-width", PEN);
        this.field.append(this.lines[place]);
      }
      const points = [];
      for (let i = 0; i < stroke.length; i += 2) points.push(`${stroke[i] * SIDE},${stroke[i + 1] * SIDE}`);
      // A line of one point is shown as a dot.
      this.lines[place].setAttribute("points", (points.length === 1 ? [points[0], points[0]] : points).join(" "));
    });
    this.hint.style.display = this.strokes.length ? "none" : "";
    this.undo.disabled = this.clear.disabled = !this.strokes.length;
  }
}

export default function (component) {
  const root = component.parentElement.querySelector(".lab-root");
  if (root.lab) root.lab.send = component.setStateValue; else root.lab = new Pad(root, component);
  root.lab.tell(component.data);
}
