// Small parts of the lens: elements, sentences with places, numbers in words. All text is set as text.

const MOST_CLASSES = 12;

function made(tag, className, parent, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  if (parent) parent.append(element);
  return element;
}

function fill(sentence, places) {
  return sentence.replace(/\{(\w+)\}/g, (whole, name) => (name in places ? String(places[name]) : whole));
}

// Set only what changed: setting the same text again costs a layout.
function say(element, text) { if (element.textContent !== text) element.textContent = text; }

// Never 100% of what is not quite certain, nor 0% of what is possible.
function percent(share) {
  if (share >= 0.9995 && share < 1) return ">99.9%";
  if (share > 0 && share < 0.0005) return "<0.1%";
  return `${(100 * share).toFixed(1)}%`;
}

function figure(value) {
  if (value === null) return "–";
  if (value !== 0 && Math.abs(value) < 0.0005) return "<0.001";
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(3);
}

function warmth(temperature) { return String(Number(temperature.toPrecision(3))); }

// Each theme has its own shade of some colours; Streamlit says by color-scheme which it shows.
function inkOf(colour) { return `light-dark(${colour.light}, ${colour.dark})`; }

function button(label, parent, act, className = "") {
  const element = made("button", className, parent, label);
  element.type = "button";
  element.addEventListener("click", act);
  return element;
}

// A labelled range: `onMove` while it is dragged, `onRest` when it is let go or moved by a key.
function slider(parent, label, onMove, onRest) {
  const row = made("label", "slider", parent), head = made("span", "slider-head", row);
  made("span", "slider-label", head, label);
  const value = made("output", "slider-value", head), input = made("input", "", row);
  input.type = "range";
  input.addEventListener("input", () => onMove(Number(input.value)));
  input.addEventListener("change", () => onRest());
  return { row, value, input };
}

function chooser(parent, label, act) {
  const row = made("label", "chooser", parent);
  made("span", "", row, label);
  const select = made("select", "", row);
  select.addEventListener("change", () => act(select.value));
  return { row, select };
}

function offer(select, options, chosen) {
  select.replaceChildren(...options.map(([value, text]) => {
    const option = made("option", "", null, text);
    option.value = value;
    return option;
  }));
  select.value = chosen;
}
