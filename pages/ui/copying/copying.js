// Copies the page's address as it is at this moment, with what Python adds to it: components change the address
// without telling Python. Where a browser keeps the clipboard to itself, the address is shown to be copied by hand.

class Copier {
  constructor(root) {
    this.button = document.createElement("button");
    this.button.type = "button";
    this.button.addEventListener("click", () => this.copy());
    this.field = document.createElement("input");
    this.field.readOnly = true;
    this.field.hidden = true;
    this.field.addEventListener("focus", () => this.field.select());
    this.said = document.createElement("span");
    this.said.setAttribute("role", "status");
    root.classList.add("lab-copy");
    root.replaceChildren(this.button, this.said, this.field);
  }

  update(data) {
    this.data = data;
    this.button.textContent = data.words.copy;
    this.field.setAttribute("aria-label", data.words.address);
  }

  address() {
    const found = new URL(window.location.href);
    for (const [name, value] of Object.entries(this.data.parameters)) found.searchParams.set(name, value);
    for (const name of this.data.without) found.searchParams.delete(name);
    found.hash = "";
    return found.href;
  }

  async copy() {
    const address = this.address();
    try {
      await navigator.clipboard.writeText(address);
      this.said.textContent = this.data.words.copied;
      this.field.hidden = true;
    } catch {
      this.said.textContent = this.data.words.byHand;
      this.field.value = address;
      this.field.hidden = false;
      this.field.focus();
    }
  }
}

export default function (component) {
  const root = component.parentElement.querySelector(".lab-root");
  root.lab ??= new Copier(root);
  root.lab.update(component.data);
}
