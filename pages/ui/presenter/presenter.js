// Leads through the steps of a lesson: by the keys that keyboards and clickers send, by dots and by buttons.
// Where to go is told to Python as a step's number; -1 means to leave.

const NEXT = ["ArrowRight", "PageDown"], BACK = ["ArrowLeft", "PageUp"];
const LEAVE = -1;

// Arrows belong to whoever is being typed in or dragged; a clicker's page keys belong to nobody else.
function isTaken(event) {
  const at = event.composedPath()[0];
  if (!(at instanceof Element)) return false;
  return Boolean(at.closest("input, textarea, select, [contenteditable=true], [role=slider], [role=listbox], [role=tab]"));
}

// Esc closes an open list and leaves a field; on a slider it means nothing, so there it leads out as everywhere.
function isClosing(event) {
  const at = event.composedPath()[0];
  if (!(at instanceof Element)) return false;
  return Boolean(at.closest("input:not([type=range]), textarea, select, [contenteditable=true], [role=listbox], [role=dialog]"));
}

class Lectern {
  constructor(root) {
    this.said = document.createElement("span");
    this.said.className = "lab-said";
    this.said.setAttribute("aria-live", "polite");
    this.leave = this.button("lab-leave", () => this.tell(LEAVE));
    this.back = this.button("", () => this.go(this.step - 1));
    this.next = this.button("", () => this.go(this.step + 1));
    this.dots = document.createElement("div");
    this.dots.className = "lab-dots";
    root.classList.add("lab-lectern");
    root.replaceChildren(this.leave, this.dots, this.back, this.next, this.said);
    this.heard = (event) => this.hear(event);
    window.addEventListener("keydown", this.heard, true);
  }

  button(name, act) {
    const made = document.createElement("button");
    made.type = "button";
    made.className = name;
    made.addEventListener("click", act);
    return made;
  }

  update(component) {
    const { data } = component;
    this.send = component.setTriggerValue;
    // While the page is on its way to a step that was asked for, older ones that arrive do not turn it back.
    if (this.asked === undefined || data.step === this.asked || data.lesson !== this.lesson) {
      this.step = data.step;
      this.asked = undefined;
    }
    this.lesson = data.lesson;
    this.words = data.words;
    this.titles = data.titles;
    this.leave.textContent = data.words.leave;
    this.back.textContent = data.words.back;
    this.next.textContent = data.words.next;
    this.draw();
  }

  hear(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const leaves = event.key === "Escape", page = event.key.startsWith("Page");
    if (leaves ? isClosing(event) : !page && isTaken(event)) return;
    if (leaves) this.tell(LEAVE);
    else if (NEXT.includes(event.key)) this.go(this.step + 1);
    else if (BACK.includes(event.key)) this.go(this.step - 1);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  go(step) {
    if (step < 0 || step >= this.titles.length || step === this.step) return;
    this.step = this.asked = step;
    this.draw();
    this.tell(step);
  }

  tell(step) {
    this.send("go", step);
  }

  draw() {
    if (this.dots.childElementCount !== this.titles.length) {
      this.dots.replaceChildren(...this.titles.map((_, place) => this.button("", () => this.go(place))));
    }
    [...this.dots.children].forEach((dot, place) => {
      dot.className = place === this.step ? "here" : place < this.step ? "done" : "";
      dot.title = this.titles[place];
      dot.setAttribute("aria-label", this.titles[place]);
      if (place === this.step) dot.setAttribute("aria-current", "step"); else dot.removeAttribute("aria-current");
    });
    this.back.disabled = this.step === 0;
    this.next.disabled = this.step === this.titles.length - 1;
    const said = `${this.step + 1} / ${this.titles.length}: ${this.titles[this.step]}`;
    if (this.said.textContent !== said) this.said.textContent = said;
  }

  close() {
    window.removeEventListener("keydown", this.heard, true);
  }
}

export default function (component) {
  const root = component.parentElement.querySelector(".lab-root");
  root.lab ??= new Lectern(root);
  root.lab.update(component);
  return () => {
    root.lab?.close();
    root.lab = undefined;
  };
}
