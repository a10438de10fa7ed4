// The panel Connections: the live connections of all processes, and their end.

import { create, setText, setVisible } from "../../kit/elements.js";
import { Freshness } from "../../kit/freshness.js";
import { Table } from "../../kit/table.js";
import { formatAgo, formatCount, formatNumber } from "../../kit/words.js";

export default class {
  constructor(page) {
    this.page = page;
    this.user = create("input", {
      type: "search",
      "aria-label": "User",
      placeholder: "Identifier of a user",
      value: page.params.get("user") ?? "",
    });
    this.closeAll = create(
      "button",
      { type: "button", class: "danger", hidden: true, onclick: () => this.#closeAll() },
      "Close all",
    );
    const search = create(
      "form",
      {
        class: "bar",
        role: "search",
        onsubmit: (event) => {
          event.preventDefault();
          page.navigate([], { user: this.user.value.trim() });
        },
      },
      this.user,
      create("button", { type: "submit", class: "primary" }, "Show"),
      this.closeAll,
    );
    this.count = create("p", { class: "muted", role: "status" });
    const columns = [
      { title: "Since", heading: true, text: (row) => formatAgo(row.since_ms, Date.now()), style: () => "short" },
      { title: "User", draw: (cell, row) => this.#drawUser(cell, row.user) },
      { title: "Address", text: (row) => row.remote ?? "–", style: () => "code short" },
      { title: "Transport", text: (row) => row.transport, style: () => "short" },
      { title: "Channels", text: (row) => channelsText(row.channels), style: () => "code" },
      { title: "Process", text: (row) => row.process, style: () => "code muted" },
    ];
    if (page.can("close")) columns.push({ title: "Change", cell: (row) => this.#createClose(row) });
    this.table = new Table("Connections", columns, (row) => row.id);
    this.first = create("a", { href: page.href([], { user: page.params.get("user") }) }, "First page");
    this.next = create("a", {}, "Next page");
    this.freshness = new Freshness();
    this.element = create(
      "div",
      { class: "stack" },
      search,
      this.count,
      create("section", { class: "card" }, this.table.element),
      create("p", { class: "buttons" }, this.first, this.next),
      this.freshness.element,
    );
  }

  reads() {
    const { params } = this.page;
    return { list: { user: params.get("user") ?? "", after: params.get("after") ?? "" } };
  }

  draw({ list }) {
    if (!list) return;
    const user = this.page.params.get("user") ?? "";
    const count = formatCount(list.count, "connection", "connections");
    setText(this.count, user ? `${count} of user ${user}.` : `${count} in all processes.`);
    this.table.show(list.connections, user ? "This user is not connected." : "No client is connected.");
    setVisible(this.closeAll, Boolean(user) && list.count > 0 && this.page.can("close_all"));
    setVisible(this.first, this.page.params.has("after"));
    setVisible(this.next, Boolean(list.next));
    this.next.href = this.page.href([], { user, after: list.next });
    this.freshness.update(list);
  }

  close() {
    this.freshness.close();
  }

  #drawUser(cell, user) {
    if (cell.dataset.user === user) return;
    cell.dataset.user = user;
    const link = create("a", { href: this.page.href([], { user }), class: "code" }, user);
    cell.replaceChildren(user === "" ? create("span", { class: "muted" }, "anonymous") : link);
  }

  #createClose(row) {
    const attributes = {
      type: "button",
      "data-role": "close",
      "aria-label": `Close the connection of ${row.user || "an anonymous client"} from ${row.remote ?? "–"}`,
      onclick: () => this.page.change("close", { id: row.id }, { button: "Close" }),
    };
    return create("button", attributes, "Close");
  }

  async #closeAll() {
    const user = this.page.params.get("user") ?? "";
    const result = await this.page.change("close_all", { user }, { button: "Close all" });
    if (result) this.page.notify(`${formatCount(result.closed, "connection", "connections")} closed`);
  }
}

function channelsText(channels) {
  if (channels === null) return "unknown";
  if (channels.count === 0) return "–";
  const rest = channels.count - channels.names.length;
  return channels.names.join(", ") + (rest ? ` and ${formatNumber(rest)} more` : "");
}
