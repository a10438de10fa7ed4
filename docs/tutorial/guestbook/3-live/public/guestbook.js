import { ActionHeroClient } from "/actionhero/client.js";

const list = document.querySelector("ol");
const status = document.querySelector("[role=status]");
const shown = new Set();

function show({ id, name, text }) {
  if (shown.has(id)) {
    return;
  }
  shown.add(id);
  const item = document.createElement("li");
  item.textContent = `${text} (${name})`;
  list.prepend(item);
}

document.querySelector("form").onsubmit = async (event) => {
  event.preventDefault();
  const response = await fetch("/api/entries", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(Object.fromEntries(new FormData(event.target))),
  });
  if (response.ok) {
    event.target.reset();
  } else {
    status.textContent = (await response.json()).error.message;
  }
};

const client = new ActionHeroClient();
const entries = client.subscribe("entries");
await entries.ready;

const page = await (await fetch("/api/entries")).json();
page.entries.reverse().forEach(show);
entries.on("message", ({ message }) => show(message));
entries.on("gap", () => location.reload());

status.textContent = "Connected";
client.on("state", ({ state }) => {
  status.textContent = state === "open" ? "Connected" : "Connecting";
});
