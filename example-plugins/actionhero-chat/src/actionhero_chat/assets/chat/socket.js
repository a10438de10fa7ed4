// One WebSocket to the server: calls, subscriptions, and coming back after it was lost.

const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 8000;
const PATIENCE_MS = 15000;
/** What may be otherwise the next time: a server without its Redis, or too many messages. */
const PASSING = new Set(["CONNECTION_SERVICE_UNAVAILABLE", "CONNECTION_SERVER_ERROR", "CONNECTION_RATE_LIMITED"]);

/** What the server said of a call that failed. */
export class CallFailed extends Error {
  constructor(error) {
    super(error.message);
    this.type = error.type;
    this.key = error.key;
    this.errors = error.errors ?? [];
  }
}

/**
 * A connection that stays: it opens again when it was lost, and asks for what it has missed.
 *
 * Events: `state` (detail: "connecting", "open", "waiting", "closed"), `broadcast`
 * (detail: channel, message, sender), `gap` (detail: channel) when messages may be missing,
 * `refused` (detail: the failure) when a channel may not be joined, `left` (detail: channel) when
 * it may not be stayed in.
 */
export class Socket extends EventTarget {
  #url;
  #socket = null;
  #wanted = false;
  #number = 0;
  #waiting = new Map();
  #channels = new Map();
  #attempts = 0;
  #timer = 0;

  constructor(url) {
    super();
    this.#url = url;
    // Who has the network back need not wait.
    addEventListener("online", () => this.#hurry());
    document.addEventListener("visibilitychange", () => document.hidden || this.#hurry());
  }

  open() {
    this.#wanted = true;
    this.#connect();
  }

  close() {
    this.#wanted = false;
    clearTimeout(this.#timer);
    this.#channels.clear();
    this.#socket?.close(1000);
    this.#tell("closed");
  }

  get isOpen() {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  /** Run an action, and return its answer. Throws `CallFailed`, or an `Error` when the connection is lost. */
  call(action, params = {}) {
    return this.#ask({ messageType: "action", action, params });
  }

  /** Join a channel, for as long as this socket is wanted. */
  async subscribe(channel) {
    this.#channels.set(channel, this.#channels.get(channel) ?? null);
    if (this.isOpen) {
      await this.#join(channel);
    }
  }

  #connect() {
    clearTimeout(this.#timer);
    this.#tell("connecting");
    const socket = new WebSocket(this.#url);
    this.#socket = socket;
    socket.addEventListener("open", async () => {
      try {
        for (const channel of this.#channels.keys()) {
          await this.#join(channel);
        }
      } catch (error) {
        if (error instanceof CallFailed && !PASSING.has(error.type)) {
          this.dispatchEvent(new CustomEvent("refused", { detail: error }));
        } else {
          socket.close();
        }
        return;
      }
      this.#attempts = 0;
      this.#tell("open");
    });
    socket.addEventListener("message", (event) => this.#take(JSON.parse(event.data)));
    socket.addEventListener("close", () => this.#lost(socket));
  }

  async #join(channel) {
    const since = this.#channels.get(channel);
    const { subscribed } = await this.#ask({ messageType: "subscribe", channel, since });
    if (this.#channels.get(channel) === null) {
      // Nothing was heard yet: from here it goes on, should the connection be lost before.
      this.#channels.set(channel, subscribed.id);
    }
    if (subscribed.gap) {
      this.dispatchEvent(new CustomEvent("gap", { detail: { channel } }));
    }
  }

  #ask(message) {
    return new Promise((resolve, reject) => {
      if (!this.isOpen) {
        reject(new Error("There is no connection"));
        return;
      }
      const messageId = ++this.#number;
      const timer = setTimeout(() => {
        // Nobody answers: what we have is no connection, whatever it says.
        this.#socket?.close();
      }, PATIENCE_MS);
      this.#waiting.set(messageId, { resolve, reject, timer });
      this.#socket.send(JSON.stringify({ messageId, ...message }));
    });
  }

  #take(message) {
    if (message.message !== undefined) {
      const { channel, id } = message.message;
      if (id && this.#channels.has(channel)) {
        this.#channels.set(channel, id);
      }
      this.dispatchEvent(new CustomEvent("broadcast", { detail: message.message }));
      return;
    }
    if (message.gap !== undefined) {
      this.dispatchEvent(new CustomEvent("gap", { detail: message.gap }));
      return;
    }
    if (message.unsubscribed !== undefined && message.messageId === undefined) {
      this.#channels.delete(message.unsubscribed.channel);
      this.dispatchEvent(new CustomEvent("left", { detail: message.unsubscribed }));
      return;
    }
    if (message.error !== undefined && message.messageId === undefined) {
      // Such as too many messages a second: which of them it was is not told.
      this.#refuseAll(new CallFailed(message.error));
      return;
    }
    const asked = this.#waiting.get(message.messageId);
    if (asked === undefined) {
      return;
    }
    this.#waiting.delete(message.messageId);
    clearTimeout(asked.timer);
    if (message.error) {
      asked.reject(new CallFailed(message.error));
    } else {
      asked.resolve(message.response ?? message);
    }
  }

  #lost(socket) {
    if (socket !== this.#socket) {
      return;
    }
    this.#refuseAll(new Error("The connection was lost"));
    if (!this.#wanted) {
      return;
    }
    this.#tell("waiting");
    // Longer each time, and not all at once: a server that comes back is not run over.
    const longest = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** this.#attempts++);
    this.#timer = setTimeout(() => this.#connect(), longest * (0.5 + Math.random() / 2));
  }

  #refuseAll(error) {
    for (const asked of this.#waiting.values()) {
      clearTimeout(asked.timer);
      asked.reject(error);
    }
    this.#waiting.clear();
  }

  #hurry() {
    if (this.#wanted && this.#socket?.readyState === WebSocket.CLOSED) {
      this.#attempts = 0;
      this.#connect();
    }
  }

  #tell(state) {
    this.dispatchEvent(new CustomEvent("state", { detail: state }));
  }
}
