// The panel Channels: subscribers, presence, and broadcasts of all processes.

import { create, reconcile, setText, setVisible } from "../../kit/elements.js";
import { Table } from "../../kit/table.js";
import { formatAgo, formatClock, formatCount, formatNumber } from "../../kit/words.js";

const MAX_LINES = 200;
const MAX_VIEWS = 50;

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
    Object.assign(this, { page, after: {}, seen: new Set(), leftOut: 0, name: page.params.get("channel") });
    this.note = create("span", { class: "muted", role: "status" });
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
    this.messages = create("ol", { class: "lines", tabindex: "0", "aria-label": "Messages, the newest first" });
    this.noMessages = create("p", { class: "empty" }, "No messages since this page was opened.");
    this.messagesNote = create("p", { class: "note", role: "status" });
    this.messagesCard = create(
      "section",
      { class: "card stack", hidden: true },
      create("h2", {}, `Live messages of ${this.name}`),
      this.messages,
      this.noMessages,
      this.messagesNote,
    );
    const connections = page.hrefOf("connections");
    this.element = create(
      "div",
      { class: "stack" },
      create("p", { class: "buttons" }, this.note, connections && create("a", { href: connections }, "Connections")),
      create("section", { class: "card" }, this.table.element),
      create("section", { class: "card" }, create("h2", {}, "Open channels"), this.open.element),
      this.membersCard,
      this.messagesCard,
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
    // Sent as it is, as a parsed number would lose digits beyond 2^53.
    const message = this.message.value;
    try {
      JSON.parse(message);
    } catch (error) {
      setText(this.problem, `The message is not JSON: ${error.message}`);
      setVisible(this.problem, true);
      return;
    }
    setVisible(this.problem, false);
    if (await this.page.change("broadcast", { channel: this.channel.value, message })) this.message.value = "";
  }

  reads() {
    const channel = this.name;
    if (!channel) return { list: {} };
    const reads = { list: {}, members: { channel } };
    if (this.page.operator.role === "admin") reads.messages = { channel, after: this.after };
    return reads;
  }

  draw({ list, members, messages }) {
    if (messages) this.#drawMessages(messages);
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

  #drawMessages({ view, last, left_out: leftOut, messages, gaps }) {
    // Each process that answers has its own view, so a message may come twice.
    delete this.after[view];
    this.after[view] = last;
    // A view ends while the page is not visible, and the next one has another name.
    for (const old of Object.keys(this.after).slice(0, -MAX_VIEWS)) delete this.after[old];
    this.leftOut += leftOut;
    for (const message of messages.filter(({ id }) => !this.seen.has(id))) {
      this.seen.add(message.id);
      this.messages.prepend(createMessage(message));
    }
    while (this.messages.childElementCount > MAX_LINES) this.messages.lastElementChild.remove();
    for (const id of [...this.seen].slice(0, -5 * MAX_LINES)) this.seen.delete(id);
    setVisible(this.messagesCard, true);
    setVisible(this.messages, this.messages.childElementCount > 0);
    setVisible(this.noMessages, this.messages.childElementCount === 0);
    const parts = [
      this.leftOut && `${formatCount(this.leftOut, "message", "messages")} left out`,
      gaps && formatCount(gaps, "gap", "gaps"),
    ];
    setText(this.messagesNote, parts.filter(Boolean).join(" · "));
  }
}

function createMessage({ at_ms: at, sender, text }) {
  return create(
    "li",
    { class: "entry" },
    create("time", {}, formatClock(at)),
    create("b", {}, sender),
    create("span", { class: "message code" }, text),
  );
}
