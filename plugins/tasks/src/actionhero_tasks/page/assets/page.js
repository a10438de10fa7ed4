// The page: shows the view that its address names, and looks again every few seconds, as long as
// somebody can see it.

import { read } from "./ask.js";
import { keep, make, say, show } from "./elements.js";
import { JobView } from "./job.js";
import { JobsView, STATES } from "./jobs.js";
import { OverviewView } from "./overview.js";
import { number } from "./words.js";

const LOOK_MS = 2000;
const LONGEST_WAIT_MS = 30_000;
const SAID_MS = 6000;

const body = document.getElementById("body");
const live = document.getElementById("live");
const places = document.getElementById("places");
const said = document.getElementById("said");
const dialog = document.getElementById("ask");
const application = document.title;

let samples = [];
let view = null;
let told = null;
let failures = 0;
let timer;
let looking = null;
let hush;

// -- what views are lent --------------------------------------------------------------------------

const desk = {
  /** Asks before something that cannot be undone. Returns whether it may be done. */
  ask(title, text, yes) {
    say(document.getElementById("ask-title"), title);
    say(document.getElementById("ask-text"), text);
    say(document.getElementById("ask-yes"), yes);
    dialog.returnValue = "no";
    dialog.showModal();
    return new Promise((answer) => {
      dialog.addEventListener("close", () => answer(dialog.returnValue === "yes"), { once: true });
    });
  },
  say(text, looks = "") {
    clearTimeout(hush);
    said.className = `said ${looks}`;
    say(said, text);
    hush = setTimeout(() => say(said, ""), SAID_MS);
  },
  fail(error) {
    if (error.status === 401) location.reload();
    else desk.say(error.message, "wrong");
  },
  /** Looks again now, and returns when what is there is shown. */
  async look() {
    looking?.abort();
    await look();
  },
};

// -- looking, again and again ---------------------------------------------------------------------

async function look() {
  clearTimeout(timer);
  const mine = new AbortController();
  looking = mine;
  try {
    const since = samples.at(-1)?.[0] ?? 0;
    const news = await read("overview", { since }, mine.signal);
    if (mine.signal.aborted) return;
    told = news;
    remember(news.samples);
    drawPlaces();
    view?.update(told, samples);
    await view?.look?.(mine.signal);
    if (mine.signal.aborted) return;
    failures = 0;
    tell("live", "Live");
  } catch (error) {
    if (mine.signal.aborted) return;
    if (error.status === 401) return location.reload();
    failures += 1;
    tell("away", error.status ? error.message : "No answer, trying again");
  }
  if (!document.hidden) {
    timer = setTimeout(look, Math.min(LOOK_MS * 2 ** failures, LONGEST_WAIT_MS));
  }
}

function remember(news) {
  // Servers have samples of their own; what they count is the same.
  const known = new Map([...samples, ...news].map((sample) => [sample[0], sample]));
  samples = [...known.values()].sort(([a], [b]) => a - b).slice(-600);
}

function tell(state, text) {
  live.dataset.state = state;
  say(live.lastElementChild, text);
}

document.addEventListener("visibilitychange", () => {
  clearTimeout(timer);
  if (document.hidden) {
    looking?.abort();
    tell("waiting", "Paused");
  } else {
    look();
  }
});

// -- places ---------------------------------------------------------------------------------------

function drawPlaces() {
  const total = (name) => told.queues.reduce((sum, queue) => sum + queue[name], 0);
  const counted = new Set(["ready", "running", "delayed", "dead"]);
  const items = [
    ["Overview", "#/", null],
    ...STATES.map((state) => [
      state[0].toUpperCase() + state.slice(1),
      `#/jobs/${state}`,
      counted.has(state) ? total(state) : null,
    ]),
  ];
  keep(places, items, ([name]) => name, place, (link, [, target, count]) => {
    const here = location.hash || "#/";
    const is = target === "#/" ? here === "#/" : here === target || here.startsWith(`${target}/`);
    if (!is) link.removeAttribute("aria-current");
    else if (!link.hasAttribute("aria-current")) {
      link.setAttribute("aria-current", "page");
      places.scrollLeft = link.offsetLeft - places.offsetLeft - 40;
    }
    show(link.lastChild, Boolean(count));
    say(link.lastChild, count === null ? "" : number(count));
  });
}

function place([name, target]) {
  const badge = make("span", { class: `badge ${name.toLowerCase()}` });
  return make("a", { href: target }, make("span", {}, name), " ", badge);
}

function viewAt(hash) {
  const parts = hash.replace(/^#\/?/, "").split("/").map(decoded);
  if (parts[0] === "jobs" && STATES.includes(parts[1])) return new JobsView(parts[1], parts[2] ?? "", desk);
  if (parts[0] === "job" && parts[1]) return new JobView(parts[1], desk);
  return new OverviewView();
}

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function open(first) {
  view?.leave?.();
  view = viewAt(location.hash);
  document.title = view.title === "Overview" ? application : `${view.title} · ${application}`;
  body.replaceChildren(view.element);
  if (told !== null) {
    drawPlaces();
    view.update(told, samples);
  }
  // So that what reads the page aloud begins with what is new.
  if (!first) body.focus();
  desk.look();
}

document.querySelector(".skip").addEventListener("click", (event) => {
  // Not by its address, which names the view.
  event.preventDefault();
  body.focus();
});

document.getElementById("find").addEventListener("submit", (event) => {
  event.preventDefault();
  const id = document.getElementById("find-id").value.trim();
  if (id) location.hash = `#/job/${encodeURIComponent(id)}`;
});

addEventListener("hashchange", () => open(false));
open(true);
