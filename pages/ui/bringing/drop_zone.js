// A place to drop or choose one file: sends it as it lies on the disk to the server's own route, shows how far it is,
// can be cancelled, and tells the page the id under which the file was kept.

const megabytes = (bytes) => `${(bytes / 1e6).toLocaleString(undefined, { maximumFractionDigits: bytes < 1e7 ? 1 : 0 })} MB`;

// A sentence of the page's language with its places filled.
const filled = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);

class Zone {
  constructor(root, component) {
    this.tell = component.setTriggerValue;
    this.request = null;
    const make = (tag, name, parent) => {
      const made = document.createElement(tag);
      made.className = name;
      parent.append(made);
      return made;
    };
    root.classList.add("lab-zone");
    root.replaceChildren();
    this.name = make("div", "lab-name", root);
    this.box = make("div", "lab-drop", root);
    this.button = make("button", "lab-choose", this.box);
    this.button.type = "button";
    this.hint = make("div", "lab-hint", this.box);
    this.bar = make("progress", "lab-bar", this.box);
    this.bar.max = 1;
    this.told = make("div", "lab-told", root);
    this.told.setAttribute("role", "alert");
    this.input = make("input", "lab-input", root);
    this.input.type = "file";
    this.input.hidden = true;
    this.button.addEventListener("click", () => (this.request ? this.cancel() : this.input.click()));
    this.input.addEventListener("change", () => { const [file] = this.input.files; this.input.value = ""; if (file) this.send(file); });
    for (const name of ["dragenter", "dragover"]) this.box.addEventListener(name, (event) => { event.preventDefault(); this.box.classList.add("lab-over"); });
    this.box.addEventListener("dragleave", (event) => { if (!this.box.contains(event.relatedTarget)) this.box.classList.remove("lab-over"); });
    this.box.addEventListener("drop", (event) => {
      event.preventDefault();
      this.box.classList.remove("lab-over");
      const [file] = event.dataTransfer.files;
      if (file && !this.request) this.send(file);
    });
  }

  show(data) {
    this.data = data;
    this.name.textContent = data.label;
    this.input.accept = data.accept;
    this.input.setAttribute("aria-label", data.label);
    if (!this.request) this.rest();
  }

  rest(told = this.told.textContent) {
    this.request = null;
    this.button.textContent = this.data.words.choose;
    this.hint.textContent = filled(this.data.words.hint, { hint: this.data.hint });
    this.bar.hidden = true;
    this.told.textContent = told;
    this.told.hidden = !told;
  }

  cancel() {
    this.request?.abort();
    this.rest("");
  }

  send(file) {
    const { words } = this.data;
    const told = (text, values) => filled(text, { file: file.name, ...values });
    if (file.size > this.data.most) {
      this.rest(told(words.tooLarge, { size: megabytes(file.size), most: this.data.mostShown }));
      return;
    }
    const request = this.request = new XMLHttpRequest();
    this.told.hidden = true;
    this.button.textContent = words.cancel;
    this.bar.hidden = false;
    this.bar.value = 0;
    this.bar.setAttribute("aria-label", told(words.uploading));
    this.hint.textContent = told(words.progress, { done: 0, total: megabytes(file.size) });
    request.upload.addEventListener("progress", (event) => {
      if (request !== this.request) return;
      this.bar.value = event.loaded / (event.total || 1);
      this.hint.textContent = told(words.progress, { done: megabytes(event.loaded), total: megabytes(event.total) });
    });
    request.addEventListener("load", () => {
      if (request !== this.request) return;
      let answer = {};
      try { answer = JSON.parse(request.responseText); } catch { /* told below */ }
      this.rest(request.status === 200 ? "" : answer.error || told(words.refused, { status: request.status }));
      if (request.status === 200) this.tell("came", answer.id);
    });
    request.addEventListener("error", () => { if (request === this.request) this.rest(words.broken); });
    request.open("POST", `${this.data.base}/lab/upload`);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.setRequestHeader("Accept-Language", this.data.language);
    request.setRequestHeader("X-Upload-Pass", this.data.permit);
    request.setRequestHeader("X-File-Name", encodeURIComponent(file.name));
    request.send(file);
  }
}

export default function (component) {
  const root = component.parentElement.querySelector(".lab-root");
  if (root.lab) root.lab.tell = component.setTriggerValue; else root.lab = new Zone(root, component);
  root.lab.show(component.data);
  // Called before every drawing anew as well, during which a file goes on coming.
  return () => setTimeout(() => { if (!root.isConnected) root.lab?.request?.abort(); });
}
