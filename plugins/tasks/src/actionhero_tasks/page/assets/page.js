// The page: shows the view of the current address, and refreshes it every few seconds while the tab
// is visible.

import { get } from "./api.js";
import { create, reconcile, setText, setVisible } from "./dom.js";
import { formatNumber } from "./format.js";
import { JobView } from "./job.js";
import { JobsView, STATES } from "./jobs.js";
import { OverviewView } from "./overview.js";

const REFRESH_MS = 2000;
const MAX_DELAY_MS = 30_000;
const NOTICE_MS = 6000;
const MAX_SAMPLES = 600;

const main = document.getElementById("main");
const connection = document.getElementById("connection");
const navigation = document.getElementById("navigation");
const notice = document.getElementById("notice");
const dialog = document.getElementById("confirmation");
const documentTitle = document.title;

let samples = [];
let view = null;
let overview = null;
let failures = 0;
let refreshTimer;
let noticeTimer;
let currentRequest = null;

// -- functions for the views ----------------------------------------------------------------------

const page = {
  /** Asks the user for confirmation, and returns whether it was given. */
  confirm(title, text, label) {
    setText(document.getElementById("confirmation-title"), title);
    setText(document.getElementById("confirmation-text"), text);
    setText(document.getElementById("confirmation-button"), label);
    dialog.returnValue = "no";
    dialog.showModal();
    return new Promise((resolve) => {
      dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
    });
  },
  /** Shows a message for a few seconds. */
  notify(text, style = "") {
    clearTimeout(noticeTimer);
    notice.className = `notice ${style}`;
    setText(notice, text);
    noticeTimer = setTimeout(() => setText(notice, ""), NOTICE_MS);
  },
  showError(error) {
    if (error.status === 401) location.reload();
    else page.notify(error.message, "failure");
  },
  /** Refreshes the view now, and returns when it is up to date. */
  async refresh() {
    currentRequest?.abort();
    await refresh();
  },
};

// -- refresh --------------------------------------------------------------------------------------

async function refresh() {
  clearTimeout(refreshTimer);
  const request = new AbortController();
  currentRequest = request;
  try {
    const since = samples.at(-1)?.[0] ?? 0;
    const response = await get("overview", { since }, request.signal);
    if (request.signal.aborted) return;
    overview = response;
    addSamples(response.samples);
    updateNavigation();
    view?.update(overview, samples);
    await view?.refresh?.(request.signal);
    if (request.signal.aborted) return;
    failures = 0;
    showConnection("connected", "Live");
  } catch (error) {
    if (request.signal.aborted) return;
    if (error.status === 401) return location.reload();
    failures += 1;
    showConnection("disconnected", error.status ? error.message : "No response, retrying");
  }
  if (!document.hidden) {
    refreshTimer = setTimeout(refresh, Math.min(REFRESH_MS * 2 ** failures, MAX_DELAY_MS));
  }
}

function addSamples(newSamples) {
  // Each server process takes its own samples, of the same counters.
  const byTime = new Map([...samples, ...newSamples].map((sample) => [sample[0], sample]));
  samples = [...byTime.values()].sort(([a], [b]) => a - b).slice(-MAX_SAMPLES);
}

function showConnection(state, text) {
  connection.dataset.state = state;
  setText(connection.lastElementChild, text);
}

document.addEventListener("visibilitychange", () => {
  clearTimeout(refreshTimer);
  if (document.hidden) {
    currentRequest?.abort();
    showConnection("paused", "Paused");
  } else {
    refresh();
  }
});

// -- navigation -----------------------------------------------------------------------------------

function updateNavigation() {
  const totalOf = (name) => overview.queues.reduce((sum, queue) => sum + queue[name], 0);
  const countedStates = new Set(["ready", "running", "delayed", "dead"]);
  const items = [
    ["Overview", "#/", null],
    ...STATES.map((state) => [
      state[0].toUpperCase() + state.slice(1),
      `#/jobs/${state}`,
      countedStates.has(state) ? totalOf(state) : null,
    ]),
  ];
  reconcile(navigation, items, ([name]) => name, createLink, (link, [, target, count]) => {
    const hash = location.hash || "#/";
    const isCurrent = target === "#/" ? hash === "#/" : hash === target || hash.startsWith(`${target}/`);
    if (!isCurrent) link.removeAttribute("aria-current");
    else if (!link.hasAttribute("aria-current")) {
      link.setAttribute("aria-current", "page");
      navigation.scrollLeft = link.offsetLeft - navigation.offsetLeft - 40;
    }
    setVisible(link.lastChild, Boolean(count));
    setText(link.lastChild, count === null ? "" : formatNumber(count));
  });
}

function createLink([name, target]) {
  const badge = create("span", { class: `badge ${name.toLowerCase()}` });
  return create("a", { href: target }, create("span", {}, name), " ", badge);
}

function viewOf(hash) {
  const parts = hash.replace(/^#\/?/, "").split("/").map(decode);
  if (parts[0] === "jobs" && STATES.includes(parts[1])) return new JobsView(parts[1], parts[2] ?? "", page);
  if (parts[0] === "job" && parts[1]) return new JobView(parts[1], page);
  return new OverviewView();
}

function decode(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function showView(isFirst) {
  view?.close?.();
  view = viewOf(location.hash);
  document.title = view.title === "Overview" ? documentTitle : `${view.title} · ${documentTitle}`;
  main.replaceChildren(view.element);
  if (overview !== null) {
    updateNavigation();
    view.update(overview, samples);
  }
  // A screen reader then continues with the new view.
  if (!isFirst) main.focus();
  page.refresh();
}

document.querySelector(".skip").addEventListener("click", (event) => {
  // The fragment of the address selects the view, so it cannot name an element.
  event.preventDefault();
  main.focus();
});

document.getElementById("search").addEventListener("submit", (event) => {
  event.preventDefault();
  const id = document.getElementById("search-id").value.trim();
  if (id) location.hash = `#/job/${encodeURIComponent(id)}`;
});

addEventListener("hashchange", () => showView(false));
showView(true);
