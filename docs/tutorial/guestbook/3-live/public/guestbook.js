const list = document.querySelector("ol");
const status = document.querySelector("[role=status]");
// The id of the last broadcast: after a reconnect, the server sends the broadcasts since then.
let since = null;

function show({ name, text }) {
  const item = document.createElement("li");
  item.textContent = `${text} (${name})`;
  list.prepend(item);
}

function subscribe() {
  const socket = new WebSocket(`${location.origin.replace("http", "ws")}/ws`);
  socket.onopen = () => {
    socket.send(JSON.stringify({ messageType: "subscribe", messageId: 1, channel: "entries", since }));
  };
  socket.onmessage = (event) => {
    const { subscribed, message } = JSON.parse(event.data);
    if (subscribed) {
      since = subscribed.id ?? since;
      status.textContent = "Connected";
    } else if (message && message.sender !== "presence") {
      since = message.id;
      show(message.message);
    }
  };
  socket.onclose = () => {
    status.textContent = "Connecting";
    setTimeout(subscribe, 1000);
  };
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

const page = await (await fetch("/api/entries")).json();
page.entries.reverse().forEach(show);
subscribe();
