// The panel Channels: subscribers, presence, and broadcasts of all processes.

import { create, reconcile, setText, setVisible } from "../../kit/elements.js";
import { Table } from "../../kit/table.js";
import { formatAgo, formatCount, formatNumber } from "../../kit/words.js";

const OPEN_COLUMNS = (page) => [
  {
    title: "Channel",
    heading: true,
    cell: (row) => create("a", { href: page.href([], { channel: row.name }), class: "code" }, row.name),
  },
  { title: "Subscribers", number: true, text: (row) => formatNumber(row.subscribers) },
];

export default class {
  constructor(page) {
    this.page = page;
    this.note = create("p", { class: "muted", role: "status" });
    this.table = new Table(
      "Channels",
      [
        { title: "Channel", heading: true, text: (row) => row.name, style: () => "code" },
        { title: "Open", number: true, text: (row) => formatNumber(row.open_count) },
        { title: "Subscribers", number: true, text: (row) => formatNumber(row.subscribers) },
        { title: "Broadcasts", number: true, text: (row) => formatNumber(row.broadcasts) },
        {
          title: "Gaps",
          number: true,
          text: (row) => formatNumber(row.gaps),
          style: (row) => (row.gaps ? "wait" : ""),
        },
      ],
      (row) => row.name,
    );
    this.open = new Table("Open channels", OPEN_COLUMNS(page), (row) => row.name);
    this.members = create("ul", { class: "plain" });
    this.membersTitle = create("h2");
    this.membersCard = create("section", { class: "card stack" }, this.membersTitle, this.members);
    this.element = create(
      "div",
      { class: "stack" },
      this.note,
      create("section", { class: "card" }, this.table.element),
      create("section", { class: "card" }, create("h2", {}, "Open channels"), this.open.element),
      this.membersCard,
      page.can("broadcast") ? this.#createForm() : null,
    );
  }

  #createForm() {
    this.channel = create("input", { required: true, id: "broadcast-channel", value: this.page.params.get("channel") ?? "" });
    this.message = create("textarea", { required: true, id: "broadcast-message", rows: "3", placeholder: '{"text": "Hello"}' });
    this.problem = create("p", { class: "bad", role: "alert", hidden: true });
    return create(
      "section",
      { class: "card" },
      create("h2", {}, "Broadcast"),
      create(
        "form",
        { class: "stack", onsubmit: (event) => this.#broadcast(event) },
        create("label", { for: "broadcast-channel" }, "Channel"),
        this.channel,
        create("label", { for: "broadcast-message" }, "Message, as JSON"),
        this.message,
        this.problem,
        create("p", { class: "buttons" }, create("button", { type: "submit", class: "primary" }, "Send")),
      ),
    );
  }

  async #broadcast(event) {
    event.preventDefault();
    let message;
    try {
      message = JSON.parse(this.message.value);
    } catch (error) {
      setText(this.problem, `The message is not JSON: ${error.message}`);
      setVisible(this.problem, true);
      return;
    }
    setVisible(this.problem, false);
    if (await this.page.change("broadcast", { channel: this.channel.value, message })) this.message.value = "";
  }

  reads() {
    const channel = this.page.params.get("channel");
    return channel ? { list: {}, members: { channel } } : { list: {} };
  }

  draw({ list, members }) {
    if (list) {
      const parts = [formatCount(list.processes, "process", "processes")];
      if (list.missing.length) parts.push(`no answer from ${list.missing.join(", ")}`);
      if (list.only_this_process) parts.push("other processes cannot be asked without a shared Redis");
      parts.push(formatAgo(list.asked_ms, Date.now()));
      setText(this.note, parts.join(" · "));
      this.table.show(list.channels, "The application has no channels.");
      const open = list.channels.flatMap((channel) => channel.open);
      this.open.show(open.slice(0, 100), "Nothing is subscribed to.");
    }
    setVisible(this.membersCard, Boolean(members));
    if (!members) return;
    setText(this.membersTitle, `${formatCount(members.count, "member", "members")} of ${members.channel}`);
    reconcile(
      this.members,
      members.members.map((key) => ({ key })),
      (member) => member.key,
      (member) => create("li", { class: "code" }, member.key),
      () => {},
    );
  }
}
