// The panel Jobs: shows the view of the address below the tabs of the states.

import { create, reconcile, setText, setVisible } from "../../kit/elements.js";
import { formatNumber } from "../../kit/words.js";
import { FanOutView } from "./fan_out.js";
import { JobView } from "./job.js";
import { ListView } from "./list.js";
import { STATES, titleOf } from "./operations.js";
import { OverviewView } from "./overview.js";

const MAX_SAMPLES = 600;

// They remain while another view or panel is shown.
let samples = [];

export default class {
  constructor(page) {
    this.page = page;
    const [kind, id] = page.path;
    if (kind === "job" && id) this.view = new JobView(page, id);
    else if (kind === "fan-out" && id) this.view = new FanOutView(page, id);
    else if (page.params.has("state") || page.params.get("search")) this.view = new ListView(page);
    else this.view = new OverviewView(page);
    this.tabs = create("nav", { class: "tabs", "aria-label": "Jobs by state" });
    const style = new URL("panel.css", import.meta.url);
    this.element = create(
      "div",
      { class: "stack jobs-panel" },
      create("link", { rel: "stylesheet", href: style }),
      create("div", { class: "bar" }, this.tabs, this.#createSearch()),
      this.view.element,
    );
  }

  reads() {
    return { overview: { since: samples.at(-1)?.[0] ?? 0 }, ...this.view.reads() };
  }

  draw({ overview, ...values }) {
    if (overview) {
      this.overview = overview;
      addSamples(overview.samples);
      this.#drawTabs();
    }
    if (this.overview) this.view.draw({ overview: this.overview, samples, ...values });
  }

  close() {
    this.view.close?.();
  }

  #createSearch() {
    const input = create("input", {
      type: "search",
      "aria-label": "Search jobs",
      placeholder: "Action, key, id, request, trace or fan-out",
      maxlength: 200,
      spellcheck: "false",
      value: this.page.params.get("search") ?? "",
    });
    const onsubmit = (event) => {
      event.preventDefault();
      const state = this.page.params.get("state");
      const search = input.value.trim();
      this.page.navigate([], search ? { search, queue: this.page.params.get("queue") } : { state });
    };
    return create("form", { role: "search", onsubmit }, input);
  }

  #drawTabs() {
    const { params, path } = this.page;
    const kept = { search: params.get("search"), queue: params.get("queue") };
    const state = path.length ? null : (params.get("state") ?? "");
    const count = (name) => this.overview.queues.reduce((sum, queue) => sum + (queue[name] ?? 0), 0);
    const items = [
      { name: "", title: kept.search ? "All" : "Overview", href: this.page.href([], kept.search ? kept : {}) },
      ...STATES.map((name) => ({ name, title: titleOf(name), href: this.page.href([], { state: name, ...kept }), count: count(name) })),
    ];
    reconcile(
      this.tabs,
      items,
      (item) => item.name,
      (item) => create("a", {}, create("span"), " ", create("span", { class: `badge ${item.name}` })),
      (link, item) => {
        if (link.getAttribute("href") !== item.href) link.setAttribute("href", item.href);
        setText(link.firstChild, item.title);
        setText(link.lastChild, item.count ? formatNumber(item.count) : "");
        setVisible(link.lastChild, Boolean(item.count));
        if (item.name !== state) link.removeAttribute("aria-current");
        else if (!link.hasAttribute("aria-current")) {
          link.setAttribute("aria-current", "page");
          this.tabs.scrollLeft = link.offsetLeft - this.tabs.offsetLeft - 40;
        }
      },
    );
  }
}

function addSamples(added) {
  // Each server process takes its own samples, of the same counters.
  const byTime = new Map([...samples, ...added].map((sample) => [sample[0], sample]));
  samples = [...byTime.values()].sort(([a], [b]) => a - b).slice(-MAX_SAMPLES);
}
