// The chat page: sign-in, messages, online users and server status.

import { ActionHeroClient, CallFailed } from "/actionhero/client.js";
import { request } from "./http.js";
import { hideKeys, showKeys } from "./keys.js";
import { Plot } from "./plot.js";

const CHANNEL = "messages";
const PAGE_SIZE = 50;
const STATUS_INTERVAL_MS = 5000;
const SEND_TIMEOUT_MS = 15000;
const SIGNED_OUT_ERRORS = new Set(["CONNECTION_SESSION_NOT_FOUND", "CONNECTION_CHANNEL_AUTHORIZATION"]);

const byId = (id) => document.getElementById(id);
const userNames = new Map();
const messageIds = new Set();
let canDelete = false;
let currentUser = JSON.parse(localStorage.getItem("me") ?? "null");
let isSignUp = false;
/** While a user is signed in. */
let client = null;

// --- sign-in ---------------------------------------------------------------------------------

async function start() {
  let reason = "";
  if (currentUser !== null) {
    try {
      await showChat();
      return;
    } catch (error) {
      if (!(error instanceof CallFailed)) {
        reason = "The server is unavailable.";
      }
    }
  }
  showSignIn(reason);
}

async function showChat() {
  // Over HTTP, to check that the session of the cookie is still valid.
  const [{ messages }, { permissions }] = await Promise.all([
    request("GET", `/messages/list?limit=${PAGE_SIZE}`),
    request("GET", "/permissions"),
  ]);
  canDelete = permissions.includes("messages:delete");
  userNames.set(currentUser.id, currentUser.name);
  byId("my-name").textContent = currentUser.name;
  show("me", true);
  show("sign-in", false);
  show("chat", true);
  show("online", true);
  messageIds.clear();
  byId("messages").replaceChildren();
  addMessages(messages);
  connect();
  showKeys().catch(() => {});
  byId("body").focus();
}

function showSignIn(reason = "") {
  client?.close();
  client = null;
  currentUser = null;
  localStorage.removeItem("me");
  byId("connection").textContent = "Not signed in";
  byId("connection").dataset.state = "signed-out";
  for (const id of ["me", "chat", "online"]) {
    show(id, false);
  }
  hideKeys();
  byId("messages").replaceChildren();
  byId("members").replaceChildren();
  byId("sign-in-error").textContent = reason;
  show("sign-in", true);
  byId(isSignUp ? "name" : "email").focus();
}

byId("sign-in-switch").addEventListener("click", () => {
  setSignUp(!isSignUp);
  byId(isSignUp ? "name" : "email").focus();
});

function setSignUp(value) {
  isSignUp = value;
  byId("sign-in-title").textContent = byId("sign-in-submit").textContent = isSignUp ? "Sign up" : "Sign in";
  byId("sign-in-switch").textContent = isSignUp ? "Sign in instead" : "Sign up instead";
  byId("password").autocomplete = isSignUp ? "new-password" : "current-password";
  show("name-row", isSignUp);
  showErrors([]);
}

byId("sign-in-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const { name, email, password } = Object.fromEntries(new FormData(event.target));
  showErrors([]);
  byId("sign-in-submit").disabled = true;
  try {
    if (isSignUp) {
      await request("PUT", "/user", { name, email, password });
    }
    const { user } = await request("PUT", "/session", { email, password });
    currentUser = { id: user.id, name: user.name };
    localStorage.setItem("me", JSON.stringify(currentUser));
    byId("password").value = "";
    // The next visit is a sign-in.
    setSignUp(false);
    await showChat();
  } catch (error) {
    showErrors(error.errors ?? [], error.message);
  } finally {
    byId("sign-in-submit").disabled = false;
  }
});

byId("sign-out").addEventListener("click", async () => {
  try {
    await request("DELETE", "/session");
  } catch (error) {
    if (!(error instanceof CallFailed)) {
      return;
    }
  }
  showSignIn();
});

function showErrors(errors, message = "") {
  const messages = new Map(errors.map(({ pointer, message }) => [pointer.slice(1), message]));
  let first = null;
  for (const name of ["name", "email", "password"]) {
    const text = messages.get(name) ?? "";
    byId(`${name}-error`).textContent = text;
    byId(name).setAttribute("aria-invalid", String(text !== ""));
    first ??= text ? byId(name) : null;
  }
  byId("sign-in-error").textContent = first ? "" : message;
  if (first) {
    first.focus();
  }
}

// --- messages --------------------------------------------------------------------------------

function addMessage(message) {
  // A message may arrive twice: in a list and as a broadcast.
  if (messageIds.has(message.id)) {
    return;
  }
  messageIds.add(message.id);
  userNames.set(message.user_id, message.user_name);
  const list = byId("messages");
  const isAtEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 80;
  const date = new Date(message.createdAt);
  const time = createElement("time", "", date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }));
  time.dateTime = date.toISOString();
  const item = createElement("li", "message");
  item.classList.toggle("own", message.user_id === currentUser?.id);
  item.dataset.id = message.id;
  const body = createElement("span", "body", message.body);
  body.dir = "auto";
  item.append(createElement("span", "author", message.user_name), time);
  if (canDelete) {
    item.append(createDeleteButton(message));
  }
  item.append(body);
  insert(item);
  if (isAtEnd || message.user_id === currentUser?.id) {
    list.scrollTop = list.scrollHeight;
  }
}

function createDeleteButton({ id, user_name }) {
  const button = createElement("button", "quiet", "Delete");
  button.type = "button";
  button.setAttribute("aria-label", `Delete the message of ${user_name}`);
  button.addEventListener("click", async () => {
    byId("compose-error").textContent = "";
    try {
      await request("DELETE", `/message/${id}`);
      removeMessage(id);
      byId("messages").focus();
    } catch (error) {
      byId("compose-error").textContent = error.message;
    }
  });
  return button;
}

/** Remove a message that was deleted; it is not added again. */
function removeMessage(id) {
  messageIds.add(id);
  byId("messages").querySelector(`[data-id="${id}"]`)?.remove();
}

/** Add a page of messages, newest first, without announcing them to a screen reader. */
function addMessages(messages) {
  const list = byId("messages");
  list.setAttribute("aria-live", "off");
  messages.reverse().forEach(addMessage);
  setTimeout(() => list.setAttribute("aria-live", "polite"));
}

/** Insert an item in the order of the ids, nearly always at the end. */
function insert(item) {
  const list = byId("messages");
  const id = Number(item.dataset.id);
  let after = list.lastElementChild;
  while (after !== null && Number(after.dataset.id) > id) {
    after = after.previousElementSibling;
  }
  after === null ? list.prepend(item) : after.after(item);
}

byId("compose").addEventListener("submit", async (event) => {
  event.preventDefault();
  const body = byId("body").value.trim();
  if (!body) {
    return;
  }
  byId("compose-error").textContent = "";
  byId("send").disabled = true;
  try {
    const { message } = await client.call("message:create", { body }, { timeoutMs: SEND_TIMEOUT_MS });
    byId("body").value = "";
    addMessage({ ...message, user_name: currentUser.name });
  } catch (error) {
    if (SIGNED_OUT_ERRORS.has(error.type)) {
      showSignIn("You were signed out. Sign in again.");
      return;
    }
    // The text stays in the field.
    const outcome = error instanceof CallFailed ? "was not sent" : "may not have been sent";
    byId("compose-error").textContent = `${error.message}. Your message ${outcome}.`;
  } finally {
    byId("send").disabled = false;
    byId("body").focus();
  }
});

byId("body").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    byId("compose").requestSubmit();
  }
});

// --- live updates ----------------------------------------------------------------------------

/** Subscribe to the messages, with a new connection. */
function connect() {
  client = new ActionHeroClient();
  client.on("state", ({ state }) => showState(state));
  const channel = client.subscribe(CHANNEL, { loadMembers });
  channel.on("message", ({ message: change }) => {
    "deleted" in change ? removeMessage(change.deleted) : addMessage(change.message);
  });
  channel.on("gap", loadMissing);
  channel.on("presence", () => showMembers(channel));
  channel.on("end", ({ error }) => error && handleEnd(error));
  // Messages from between the first load and the subscription.
  channel.ready.then(loadMissing, () => {});
}

/** The server has refused or ended the subscription: signed out in another window, for example. */
function handleEnd(error) {
  if (error instanceof CallFailed && !SIGNED_OUT_ERRORS.has(error.type)) {
    byId("connection").textContent = error.message;
  } else {
    showSignIn("You were signed out. Sign in again.");
  }
}

function showState(state) {
  byId("connection").dataset.state = state;
  byId("connection").textContent = { open: "Connected", connecting: "Connecting …", waiting: "Connection lost. Trying again …" }[state] ?? "Not connected";
  if (state === "open") {
    showStatus();
  }
}

/** Load the messages after the newest one on the page; if they are too many, mark the gap. */
async function loadMissing() {
  // Read before replayed messages arrive: messages before those may be missing, too.
  const newest = newestMessageId();
  let isComplete = false;
  try {
    isComplete = await loadBackTo(newest, 1);
  } catch {
    // Messages that cannot be loaded now may be missing.
  }
  if (!isComplete && newest > 0) {
    markGap(newest);
  }
}

/** Add the newest messages, page by page; return whether `id` or the first message was reached. */
async function loadBackTo(id, maxPages) {
  for (let page = 1; page <= maxPages; page++) {
    const { messages } = await request("GET", `/messages/list?limit=${PAGE_SIZE}&page=${page}`);
    const isComplete = messages.length < PAGE_SIZE || messages.some((message) => message.id <= id);
    addMessages(messages);
    if (isComplete) {
      return true;
    }
  }
  return false;
}

function newestMessageId() {
  return Math.floor(Number(byId("messages").lastElementChild?.dataset.id ?? 0));
}

/** Add an item which states that messages after `id` may be missing, with a button to load them. */
function markGap(id) {
  const position = String(id + 0.5);
  if (byId("messages").querySelector(`[data-id="${position}"]`)) {
    return;
  }
  const item = createElement("li", "gap");
  item.dataset.id = position;
  const button = createElement("button", "quiet", "Load messages");
  button.type = "button";
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      await loadBackTo(id, Infinity);
      item.remove();
      byId("messages").focus();
    } catch (error) {
      button.disabled = false;
      byId("compose-error").textContent = error.message;
    }
  });
  item.append(createElement("span", "", "Some messages may be missing here."), button);
  insert(item);
}

// --- online users ----------------------------------------------------------------------------

async function loadMembers() {
  return (await client.call("channel:members", { channel: CHANNEL })).members;
}

async function showMembers(channel) {
  const { members } = channel;
  let names;
  try {
    names = await Promise.all([...(members ?? [])].map(Number).map(fetchUserName));
  } catch {
    // The connection is lost; the members are loaded again with the next one.
    return;
  }
  // Unless they have changed in the meantime.
  if (members === channel.members) {
    byId("online-count").textContent = `(${names.length})`;
    byId("members").replaceChildren(...names.sort((a, b) => a.localeCompare(b)).map((name) => createElement("li", "", name)));
  }
}

/** Return the name of a user; several requests at once are one. */
function fetchUserName(id) {
  if (!userNames.has(id)) {
    // Over HTTP: a hundred names at once would exceed the message rate limit of a socket.
    const name = request("GET", `/user/${id}`).then(({ user }) => user.name);
    name.catch(() => userNames.delete(id));
    userNames.set(id, name);
  }
  return userNames.get(id);
}

// --- server status ---------------------------------------------------------------------------

const calls = new Plot(byId("calls-plot"), byId("calls-value"), (value) => value.toFixed(value < 10 ? 1 : 0));
const latency = new Plot(byId("latency-plot"), byId("latency-value"), (value) => `${value.toFixed(1)} ms`);

// The browser reconnects automatically.
new EventSource("/api/status/live").addEventListener("metrics", ({ data }) => {
  const metrics = JSON.parse(data);
  calls.add(metrics.callsPerSecond);
  latency.add(metrics.callsPerSecond > 0 ? metrics.latencyMs : null);
});

async function showStatus() {
  try {
    const status = await request("GET", "/status");
    byId("health").textContent = status.healthy ? "healthy" : "unhealthy";
    byId("uptime").textContent = formatDuration(status.uptime);
    byId("memory").textContent = `${status.consumedMemoryMB.toFixed(0)} MB`;
  } catch {
    byId("health").textContent = "unavailable";
  }
}

showStatus();
setInterval(showStatus, STATUS_INTERVAL_MS);

function formatDuration(milliseconds) {
  const minutes = Math.floor(milliseconds / 60000);
  if (minutes < 1) {
    return `${Math.floor(milliseconds / 1000)} s`;
  }
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

// --- elements --------------------------------------------------------------------------------

function show(id, visible) {
  byId(id).hidden = !visible;
}

function createElement(tag, className, text = "") {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = text;
  return element;
}

start();
