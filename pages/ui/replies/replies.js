// Cards with what each network answered. Bars change in place when the temperature does; all text is set as text.

function made(tag, className, parent) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  parent.append(element);
  return element;
}

function card(parent) {
  const root = made("article", "lab-card", parent), head = made("div", "lab-head", root);
  const parts = { root, dot: made("i", "", head), name: made("b", "", head), sub: made("div", "lab-sub", root) };
  const top = made("div", "lab-top", root);
  Object.assign(parts, { answer: made("b", "", top), side: made("span", "", top), bars: made("ol", "lab-bars", root) });
  parts.foot = made("div", "lab-foot", root);
  return parts;
}

function fillBars(list, bars, colour, trueClass) {
  while (list.children.length > bars.length) list.lastChild.remove();
  while (list.children.length < bars.length) {
    const row = made("li", "", list);
    made("span", "name", row);
    made("div", "fill", made("div", "track", row));
    made("span", "share", row);
  }
  bars.forEach((bar, place) => {
    const [name, track, share] = list.children[place].children;
    name.textContent = bar.name;
    name.title = bar.true ? trueClass.replace("{name}", () => bar.name) : bar.name;
    name.classList.toggle("true", bar.true);
    track.firstChild.style.width = `${bar.percent}%`;
    track.firstChild.style.background = colour;
    share.textContent = bar.share;
  });
  list.hidden = !bars.length;
}

function show(root, data) {
  root.className = "lab-root lab-replies";
  root.cards ??= [];
  while (root.cards.length > data.cards.length) root.cards.pop().root.remove();
  data.cards.forEach((told, place) => {
    const parts = root.cards[place] ??= card(root);
    parts.root.setAttribute("aria-label", told.name);
    parts.dot.style.background = told.colour;
    for (const part of ["name", "sub", "answer", "side", "foot"]) {
      parts[part].textContent = told[part];
      parts[part].hidden = !told[part];
    }
    fillBars(parts.bars, told.bars, told.colour, data.trueClass);
  });
}

export default function (component) {
  show(component.parentElement.querySelector(".lab-root"), component.data);
}
