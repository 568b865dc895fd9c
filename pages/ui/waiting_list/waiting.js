// The experiments that wait, in order: moved by dragging, by the arrow keys on a handle, or by buttons.
// Rows live as long as their experiment waits, so that focus and a drag survive the page's refreshes.

const SVG = "http://www.w3.org/2000/svg";
const ICONS = {
  handle: "M5 5h.01M11 5h.01M5 8h.01M11 8h.01M5 11h.01M11 11h.01", up: "M8 13V3M4 7l4-4 4 4",
  down: "M8 3v10M4 9l4 4 4-4", front: "M3 2.5h10M8 14V6M4 10l4-4 4 4", remove: "M4 4l8 8M12 4l-8 8",
};

function made(tag, name, text) {
  const element = document.createElement(tag);
  element.className = name;
  if (text !== undefined) element.textContent = text;
  return element;
}

function button(icon, act) {
  const element = made("button", `lab-${icon}`);
  const picture = document.createElementNS(SVG, "svg"), path = document.createElementNS(SVG, "path");
  picture.setAttribute("viewBox", "0 0 16 16");
  picture.setAttribute("aria-hidden", "true");
  path.setAttribute("d", ICONS[icon]);
  picture.append(path);
  element.append(picture);
  element.type = "button";
  if (act) element.addEventListener("click", act);
  return element;
}

class WaitingList {
  constructor(root, component) {
    this.send = component.setTriggerValue;
    this.rows = new Map();
    this.drag = null;          // the row that is dragged, and by which pointer
    this.late = null;          // data that came meanwhile
    this.list = made("ol", "lab-list");
    this.said = made("div", "lab-said");
    this.said.setAttribute("aria-live", "polite");
    root.replaceChildren(this.list, this.said);
  }

  tell(data) {
    if (this.drag) { this.late = data; return; }
    this.words = data.words;
    const focused = this.list.getRootNode().activeElement;
    const known = new Set(data.items.map((item) => item.id));
    for (const [id, row] of this.rows) if (!known.has(id)) { row.element.remove(); this.rows.delete(id); }
    data.items.forEach((item, place) => {
      if (!this.rows.has(item.id)) this.rows.set(item.id, this.row(item.id));
      const row = this.rows.get(item.id);
      row.name.textContent = item.name;
      row.name.href = `${data.base}/experiment?id=${encodeURIComponent(item.id)}`;
      row.why.textContent = [item.facts, item.why].filter(Boolean).join(" · ");
      row.mine = item.mine;
      for (const [icon, element] of Object.entries(row.buttons)) {
        element.title = this.words[icon];
        element.setAttribute("aria-label", `${element.title}: ${item.name}`);
      }
      if (this.list.children[place] !== row.element) this.list.insertBefore(row.element, this.list.children[place]);
    });
    this.number();
    if (focused?.isConnected) focused.focus();
  }

  row(id) {
    const element = made("li", "lab-item"), text = made("div", "lab-text"), acts = made("div", "lab-acts");
    const row = { id, element, number: made("span", "lab-number"), name: made("a", "lab-name"), why: made("span", "lab-why") };
    row.name.target = "_top";
    row.buttons = {
      handle: button("handle"),
      front: button("front", () => this.move(row, 0)),
      up: button("up", () => this.move(row, this.place(row) - 1)),
      down: button("down", () => this.move(row, this.place(row) + 1)),
      remove: button("remove", () => this.send("wish", { action: "remove", id })),
    };
    text.append(row.name, row.why);
    const { handle, ...rest } = row.buttons;
    acts.append(...Object.values(rest));
    element.append(handle, row.number, text, acts);
    handle.addEventListener("keydown", (event) => {
      const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
      if (!by) return;
      event.preventDefault();
      this.move(row, this.place(row) + by);
      handle.focus();
    });
    handle.addEventListener("pointerdown", (event) => this.begin(row, event));
    handle.addEventListener("pointermove", (event) => this.carry(event));
    for (const name of ["pointerup", "pointercancel"]) handle.addEventListener(name, (event) => this.end(event));
    return row;
  }

  place(row) { return [...this.list.children].indexOf(row.element); }

  move(row, to) {
    const last = this.list.children.length - 1, from = this.place(row), goal = Math.min(last, Math.max(0, to));
    if (!row.mine || goal === from) return;
    this.put(row, goal);
    this.told(row);
  }

  put(row, goal) {
    const others = [...this.list.children].filter((one) => one !== row.element);
    // Others are moved around a row that keeps its focus.
    if (others[goal]) this.list.insertBefore(row.element, others[goal]); else this.list.append(row.element);
    this.number();
  }

  told(row) {
    const to = this.place(row) + 1;
    const values = { name: row.name.textContent, place: to, total: this.list.children.length };
    this.said.textContent = this.words.said.replace(/\{(\w+)\}/g, (_, name) => values[name]);
    this.send("wish", { action: "move", id: row.id, to });
  }

  begin(row, event) {
    if (this.drag || !row.mine || event.button !== 0) return;
    event.preventDefault();
    row.buttons.handle.setPointerCapture(event.pointerId);
    row.buttons.handle.focus();
    this.drag = { row, pointer: event.pointerId, from: this.place(row) };
    row.element.dataset.dragged = "";
  }

  carry(event) {
    if (this.drag?.pointer !== event.pointerId) return;
    const { row } = this.drag;
    const above = [...this.list.children].filter((one) => {
      const box = one.getBoundingClientRect();
      return one !== row.element && box.top + box.height / 2 < event.clientY;
    });
    if (above.length !== this.place(row)) {
      this.put(row, above.length);
      // Moved in the page, the handle lost its pointer.
      row.buttons.handle.setPointerCapture(event.pointerId);
    }
  }

  end(event) {
    if (this.drag?.pointer !== event.pointerId) return;
    const { row, from } = this.drag, late = this.late;
    this.drag = this.late = null;
    delete row.element.dataset.dragged;
    row.buttons.handle.focus();
    if (event.type === "pointerup" && this.place(row) !== from) this.told(row);
    else if (event.type === "pointercancel") this.put(row, from);
    // What came meanwhile has the old order; the answer to the wish will bring the new one.
    if (late && this.place(row) === from) this.tell(late);
  }

  number() {
    const rows = [...this.rows.values()], last = rows.length - 1;
    for (const row of rows) {
      const place = this.place(row), { handle, front, up, down, remove } = row.buttons;
      row.number.textContent = `${place + 1}.`;
      handle.disabled = !row.mine || last < 1;
      remove.disabled = !row.mine;
      front.disabled = up.disabled = !row.mine || place === 0;
      down.disabled = !row.mine || place === last;
    }
  }
}

export default function (component) {
  const root = component.parentElement.querySelector(".lab-root");
  if (root.lab) root.lab.send = component.setTriggerValue; else root.lab = new WaitingList(root, component);
  root.lab.tell(component.data);
}
