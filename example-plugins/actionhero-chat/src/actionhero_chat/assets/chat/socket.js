// A WebSocket client: calls, subscriptions, and reconnection.

const MIN_RETRY_MS = 250;
const MAX_RETRY_MS = 8000;
const RESPONSE_TIMEOUT_MS = 15000;
/** Errors that may not occur again: a server without its Redis, or too many messages. */
const TEMPORARY_ERRORS = new Set(["CONNECTION_SERVICE_UNAVAILABLE", "CONNECTION_SERVER_ERROR", "CONNECTION_RATE_LIMITED"]);

/** The error of a call. */
export class CallError extends Error {
  constructor(error) {
    super(error.message);
    this.type = error.type;
    this.key = error.key;
    this.errors = error.errors ?? [];
  }
}

/**
 * A WebSocket that reconnects after a disconnect, and requests the messages that it missed.
 *
 * Events: `state` (detail: "connecting", "open", "waiting", "closed"), `broadcast`
 * (detail: channel, message, sender), `gap` (detail: channel) when messages may be missing,
 * `rejected` (detail: the error) when the server refuses a subscription, `unsubscribed`
 * (detail: channel) when the server ends one.
 */
export class Socket extends EventTarget {
  #url;
  #socket = null;
  #enabled = false;
  #lastMessageId = 0;
  #pending = new Map();
  #channels = new Map();
  #attempts = 0;
  #timer = 0;

  constructor(url) {
    super();
    this.#url = url;
    // Reconnect immediately when the network is back.
    addEventListener("online", () => this.#reconnectNow());
    document.addEventListener("visibilitychange", () => document.hidden || this.#reconnectNow());
  }

  open() {
    this.#enabled = true;
    this.#connect();
  }

  close() {
    this.#enabled = false;
    clearTimeout(this.#timer);
    this.#channels.clear();
    this.#socket?.close(1000);
    this.#dispatchState("closed");
  }

  get isOpen() {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  /** Call an action, and return its result. Throws `CallError`, or an `Error` when the connection is lost. */
  call(action, params = {}) {
    return this.#send({ messageType: "action", action, params });
  }

  /** Subscribe to a channel, until this socket is closed. */
  async subscribe(channel) {
    this.#channels.set(channel, this.#channels.get(channel) ?? null);
    if (this.isOpen) {
      await this.#sendSubscribe(channel);
    }
  }

  #connect() {
    clearTimeout(this.#timer);
    this.#dispatchState("connecting");
    const socket = new WebSocket(this.#url);
    this.#socket = socket;
    socket.addEventListener("open", async () => {
      try {
        for (const channel of this.#channels.keys()) {
          await this.#sendSubscribe(channel);
        }
      } catch (error) {
        if (error instanceof CallError && !TEMPORARY_ERRORS.has(error.type)) {
          this.dispatchEvent(new CustomEvent("rejected", { detail: error }));
        } else {
          socket.close();
        }
        return;
      }
      this.#attempts = 0;
      this.#dispatchState("open");
    });
    socket.addEventListener("message", (event) => this.#handleMessage(JSON.parse(event.data)));
    socket.addEventListener("close", () => this.#handleClose(socket));
  }

  async #sendSubscribe(channel) {
    const since = this.#channels.get(channel);
    const { subscribed } = await this.#send({ messageType: "subscribe", channel, since });
    if (this.#channels.get(channel) === null) {
      // No broadcast was received yet. If the connection is lost before the first, resume here.
      this.#channels.set(channel, subscribed.id);
    }
    if (subscribed.gap) {
      this.dispatchEvent(new CustomEvent("gap", { detail: { channel } }));
    }
  }

  #send(message) {
    return new Promise((resolve, reject) => {
      if (!this.isOpen) {
        reject(new Error("There is no connection"));
        return;
      }
      const messageId = ++this.#lastMessageId;
      const timer = setTimeout(() => {
        // No response: the connection is dead, even if its state is open.
        this.#socket?.close();
      }, RESPONSE_TIMEOUT_MS);
      this.#pending.set(messageId, { resolve, reject, timer });
      this.#socket.send(JSON.stringify({ messageId, ...message }));
    });
  }

  #handleMessage(message) {
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
      this.dispatchEvent(new CustomEvent("unsubscribed", { detail: message.unsubscribed }));
      return;
    }
    if (message.error !== undefined && message.messageId === undefined) {
      // An error without a message id, such as too many messages per second, may concern any request.
      this.#rejectAll(new CallError(message.error));
      return;
    }
    const request = this.#pending.get(message.messageId);
    if (request === undefined) {
      return;
    }
    this.#pending.delete(message.messageId);
    clearTimeout(request.timer);
    if (message.error) {
      request.reject(new CallError(message.error));
    } else {
      request.resolve(message.response ?? message);
    }
  }

  #handleClose(socket) {
    if (socket !== this.#socket) {
      return;
    }
    this.#rejectAll(new Error("The connection was lost"));
    if (!this.#enabled) {
      return;
    }
    this.#dispatchState("waiting");
    // Exponential backoff with jitter, so that a restarted server is not overloaded by its clients.
    const delay = Math.min(MAX_RETRY_MS, MIN_RETRY_MS * 2 ** this.#attempts++);
    this.#timer = setTimeout(() => this.#connect(), delay * (0.5 + Math.random() / 2));
  }

  #rejectAll(error) {
    for (const request of this.#pending.values()) {
      clearTimeout(request.timer);
      request.reject(error);
    }
    this.#pending.clear();
  }

  #reconnectNow() {
    if (this.#enabled && this.#socket?.readyState === WebSocket.CLOSED) {
      this.#attempts = 0;
      this.#connect();
    }
  }

  #dispatchState(state) {
    this.dispatchEvent(new CustomEvent("state", { detail: state }));
  }
}
