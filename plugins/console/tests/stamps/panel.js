// The panel of a third party: one module and one class.

import { create, reconcile, setText } from "../../kit/elements.js";

export default class {
  constructor(page) {
    this.page = page;
    this.list = create("ul", { class: "plain" });
    this.button = create("button", { type: "button", onclick: () => this.stamp() }, "Stamp letter");
    this.element = create("section", { class: "card stack" }, this.button, this.list);
    this.button.disabled = !page.can("stamp");
  }

  reads() {
    return { list: { id: this.page.path[0] ?? "all" } };
  }

  draw({ list }) {
    if (!list) return;
    reconcile(this.list, list.made, (text) => text, () => create("li"), (item, text) => setText(item, text));
  }

  async stamp() {
    const result = await this.page.change("stamp", { id: "7" }, { button: "Stamp" });
    if (result) this.page.notify(`Stamped ${result.id}.`);
  }
}
