// The connection: sent and waiting requests, reconnects, the rate of messages, and heartbeats.

import { reportUncaught } from "./emitter.js";
import { CallFailed, ConnectionLost, type ErrorDocument, RATE_LIMITED } from "./errors.js";
import { Backoff, Pacer } from "./rate.js";

/** The part of the standard `WebSocket` that the client uses. */
export interface WebSocketLike {
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
  send(text: string): void;
  close(code?: number, reason?: string): void;
}

/** The state of the connection: `waiting` is between two attempts to connect. */
export type State = "idle" | "connecting" | "open" | "waiting" | "closed";

export interface StateEvent {
  state: State;
  /** The close code, if a connection has ended. */
  code?: number;
  reason?: string;
  /** The milliseconds until the next attempt to connect. */
  retryInMs?: number;
}

export interface ConnectionOptions {
  /** Creates the socket; for headers in Node.js, and for Node.js before 22. */
  createSocket?: (url: string) => WebSocketLike;
  /** The rate that the client keeps to; 0: no limit. Default: 20, as on the server. */
  messagesPerSecond?: number;
  /**
   * The size limit of a message; 0: no limit. Default: 65,536, as on the server, which closes the
   * connection after a larger one.
   */
  messageLimitBytes?: number;
  /** The limit of the first delay before a reconnect, in milliseconds. Default: 200. */
  minBackoffMs?: number;
  /** The limit of all delays, in milliseconds. Default: 10,000. */
  maxBackoffMs?: number;
  /**
   * After this time without a message, the server is asked for one; if there is none, the client
   * reconnects. In milliseconds; 0: never. Default: 30,000.
   */
  heartbeatMs?: number;
  /** Whether to reconnect, also after the close code `code`. Default: true. */
  reconnect?: boolean | ((code: number, reason: string) => boolean);
}

/** A message of the server. */
export interface Reply {
  messageId?: unknown;
  response?: unknown;
  error?: ErrorDocument;
  /** With `error`: the channel, if the message had a list of channels. */
  channel?: string;
  streaming?: boolean;
  chunk?: string;
  subscribed?: unknown;
  message?: { channel: string; message: unknown; sender: string; id?: string };
  direct?: { message: unknown };
  gap?: { channel: string };
  unsubscribed?: { channel: string };
}

/** A message to the server, and what happens with the replies. */
export interface Request {
  message: object;
  onReply(reply: Reply): void;
  onError(error: Error, channel?: string): void;
  /** The number of replies, if it is not one. */
  replies?: number;
  /** Whether it is sent again if there is no reply, or none from a server that shuts down. */
  idempotent?: boolean | undefined;
  /** Whether it is sent again if a rate limit of the action has refused it. */
  retryRateLimited?: boolean | undefined;
  /** Whether it is valid for the current connection only. */
  isBound?: boolean;
  /** Whether its replies are a stream, which the server ends on request. */
  isStream?: boolean;
  /** Whether there is no reply. */
  isNotice?: boolean;
  /** The id with which it was sent first. */
  firstId?: number;
  /** The delays before it is sent again. */
  backoff?: Backoff;
}

/** How long the server may take to answer a handshake, and at most a heartbeat. */
const ANSWER_TIMEOUT_MS = 10_000;
/** The close codes that answer a message of the client; the same message would cause them again. */
const CAUSED_BY_MESSAGE = new Set([1002, 1003, 1007, 1008, 1009]);
/** The error of the server's rate of messages, which has not handled the message. */
const RATE_EXCEEDED = "WebSocket rate limit exceeded";
/** The error of calls that the server refuses or cancels before it closes the connection. */
const SHUTTING_DOWN = "The server is shutting down";
const POLICY_VIOLATION = 1008;
const ABNORMAL = 1006;

export class Connection {
  state: State = "idle";
  reconnections = 0;
  readonly #options: Required<ConnectionOptions>;
  readonly #pacer: Pacer;
  readonly #backoff: Backoff;
  #socket: WebSocketLike | undefined;
  #lastId = 0;
  /** The requests that are not sent yet, in order. */
  #queue: Request[] = [];
  /** The requests without a final reply, by their id. */
  #sent = new Map<number, Request>();
  /** The requests that the server has refused, and that are queued again after a delay. */
  #delayed = new Set<Request>();
  #wasOpen = false;
  /** When the current connection was opened. */
  #openedAt = Infinity;
  #lastReceived = 0;
  #timers: Partial<Record<"retry" | "flush" | "heartbeat", ReturnType<typeof setTimeout>>> = {};
  #stopListening: () => void;

  /**
   * @param url An absolute URL.
   * @param options The options.
   * @param events `onOpen` is called for each new connection, before requests are sent;
   *   `onMessage` with messages that are not a reply.
   */
  constructor(
    readonly url: string,
    options: ConnectionOptions,
    readonly events: {
      onState(event: StateEvent): void;
      onOpen(isReconnect: boolean): void;
      onMessage(reply: Reply): void;
    },
  ) {
    this.#options = {
      createSocket: createStandardSocket,
      messagesPerSecond: 20,
      messageLimitBytes: 65_536,
      minBackoffMs: 200,
      maxBackoffMs: 10_000,
      heartbeatMs: 30_000,
      reconnect: true,
      ...options,
    };
    this.#pacer = new Pacer(this.#options.messagesPerSecond);
    this.#backoff = new Backoff(this.#options.minBackoffMs, this.#options.maxBackoffMs);
    this.#stopListening = onNetworkChange(() => this.#checkNow());
  }

  /** Send a request, as soon as there is a connection and the rate allows it. */
  send(request: Request): void {
    this.open();
    this.#queue.push(request);
    if (this.state === "closed") {
      this.#failAll(new ConnectionLost("the client is closed", false));
    }
    this.#flush();
  }

  /** Send a request before all that wait. */
  sendFirst(request: Request): void {
    this.#queue.unshift(request);
    this.#flush();
  }

  /** Ignore further replies to a request, and end its stream; it is not sent if it was not yet. */
  forget(request: Request): void {
    this.#queue = this.#queue.filter((each) => each !== request);
    this.#delayed.delete(request);
    for (const [messageId, each] of this.#sent) {
      if (each === request) {
        this.#sent.delete(messageId);
        if (request.isStream) {
          const message = { messageType: "cancel", messageId };
          this.send({ message, isBound: true, isNotice: true, onReply: ignore, onError: ignore });
        }
      }
    }
  }

  /** Connect, unless there is a connection or an attempt. */
  open(): void {
    if (this.state === "idle") {
      this.#connect();
    }
  }

  /** Close the connection, and open a new one. */
  reconnect(): void {
    if (this.state !== "closed") {
      this.#disconnect(1000);
      this.#loseRequests(1000, "");
      this.#backoff.reset();
      this.#connect();
    }
  }

  /** Close the connection for good. */
  close(): void {
    if (this.state !== "closed") {
      this.#disconnect(1000);
      this.#end(new ConnectionLost("the client is closed", false), { state: "closed" });
    }
  }

  // --- connecting ----------------------------------------------------------------------------

  #connect(): void {
    clearTimeout(this.#timers.retry);
    let socket: WebSocketLike;
    try {
      socket = this.#socket = this.#options.createSocket(this.url);
    } catch (error) {
      if (this.state === "idle") {
        throw error;
      }
      reportUncaught(error);
      this.#handleClose(ABNORMAL, "");
      return;
    }
    this.#timers.heartbeat = setTimeout(() => this.#handleSilence(), ANSWER_TIMEOUT_MS);
    socket.onopen = () => this.#handleOpen();
    socket.onmessage = (event: { data: string }) => this.#handleMessage(JSON.parse(event.data));
    socket.onclose = (event: { code: number; reason: string }) =>
      this.#handleClose(event.code, String(event.reason));
    // A close event follows.
    socket.onerror = ignore;
    // Last: a handler may close the client.
    this.#setState({ state: "connecting" });
  }

  #handleOpen(): void {
    clearTimeout(this.#timers.heartbeat);
    const isReconnect = this.#wasOpen;
    this.#wasOpen = true;
    this.#openedAt = performance.now();
    this.reconnections += Number(isReconnect);
    this.#pacer.reset();
    this.#setState({ state: "open" });
    // Unless a handler has closed the client, or has reconnected it.
    if (this.state === "open") {
      this.events.onOpen(isReconnect);
      this.#flush();
      this.#startHeartbeat();
    }
  }

  #handleClose(code: number, reason: string): void {
    this.#disconnect();
    this.#loseRequests(code, reason);
    if (!this.#wantsReconnect(code, reason)) {
      const error = new ConnectionLost(`the connection was lost (${code})`, false, code, reason);
      this.#end(error, { state: "closed", code, reason });
      return;
    }
    if (performance.now() - this.#openedAt >= this.#options.maxBackoffMs) {
      // It was stable, unlike those of a server that closes them at once.
      this.#backoff.reset();
    }
    this.#openedAt = Infinity;
    if (code === POLICY_VIOLATION) {
      this.#backoff.exhaust();
    }
    const retryInMs = this.#backoff.next();
    this.#timers.retry = setTimeout(() => this.#connect(), retryInMs);
    this.#setState({ state: "waiting", code, reason, retryInMs });
  }

  #wantsReconnect(code: number, reason: string): boolean {
    const { reconnect } = this.#options;
    try {
      return typeof reconnect === "function" ? reconnect(code, reason) : reconnect;
    } catch (error) {
      reportUncaught(error);
      return false;
    }
  }

  /** Detach the socket: nothing that it does later has an effect. */
  #disconnect(code?: number): void {
    clearTimeout(this.#timers.retry);
    clearTimeout(this.#timers.flush);
    clearTimeout(this.#timers.heartbeat);
    const socket = this.#socket;
    this.#socket = undefined;
    if (socket) {
      socket.onopen = socket.onmessage = socket.onclose = null;
      if (code) {
        socket.close(code);
      }
    }
  }

  /** The network has changed, or the page is visible again. */
  #checkNow(): void {
    if (this.state === "waiting") {
      this.#connect();
    } else if (this.state === "open") {
      this.#probe();
    }
  }

  #setState(event: StateEvent): void {
    this.state = event.state;
    this.events.onState(event);
  }

  // --- requests ------------------------------------------------------------------------------

  #flush(): void {
    clearTimeout(this.#timers.flush);
    while (this.state === "open" && this.#queue.length) {
      const delay = this.#pacer.delay(performance.now());
      if (delay) {
        this.#timers.flush = setTimeout(() => this.#flush(), delay);
        return;
      }
      this.#transmit(this.#queue.shift()!);
    }
  }

  #transmit(request: Request): void {
    const messageId = ++this.#lastId;
    request.firstId ??= messageId;
    let text: string;
    try {
      text = this.#encode({ messageId, ...request.message });
    } catch (error) {
      request.onError(error as Error);
      return;
    }
    this.#pacer.count(performance.now());
    if (!request.isNotice) {
      this.#sent.set(messageId, request);
    }
    this.#socket!.send(text);
  }

  #encode(message: object): string {
    const limit = this.#options.messageLimitBytes;
    const text = JSON.stringify(message);
    if (limit && new TextEncoder().encode(text).length > limit) {
      throw new RangeError(`the message is larger than ${limit} bytes`);
    }
    return text;
  }

  #handleMessage(reply: Reply): void {
    this.#lastReceived = performance.now();
    const id = reply.messageId as number;
    const request = this.#sent.get(id);
    if (!request) {
      if (id === undefined) {
        this.events.onMessage(reply);
      }
      return;
    }
    if (reply.error && this.#isRepeated(id, request, reply.error)) {
      return;
    }
    const isOneOfMany = reply.channel ?? reply.subscribed;
    if (!reply.streaming && !(isOneOfMany && request.replies && --request.replies)) {
      this.#sent.delete(id);
    }
    if (reply.error) {
      request.onError(new CallFailed(reply.error), reply.channel);
    } else {
      request.onReply(reply);
    }
  }

  /** Return whether a refused request is sent again, and arrange that. */
  #isRepeated(id: number, request: Request, { message, type }: ErrorDocument): boolean {
    if (message === RATE_EXCEEDED && this.#pacer.limit) {
      this.#pacer.slowDown(this.#lastReceived);
      this.#sent.delete(id);
      this.#queueAgain(request);
      return true;
    }
    if (type === RATE_LIMITED && request.retryRateLimited) {
      const { minBackoffMs, maxBackoffMs } = this.#options;
      request.backoff ??= new Backoff(minBackoffMs, maxBackoffMs);
      this.#sent.delete(id);
      this.#delayed.add(request);
      setTimeout(() => this.#delayed.delete(request) && this.#queueAgain(request), request.backoff.next());
      return true;
    }
    // Sent again with the next connection.
    return message === SHUTTING_DOWN && !!request.idempotent;
  }

  /** Queue a request again, before those that were sent later or not at all. */
  #queueAgain(request: Request): void {
    const later = this.#queue.findIndex(({ firstId = Infinity }) => firstId > request.firstId!);
    this.#queue.splice(later < 0 ? this.#queue.length : later, 0, request);
    this.#flush();
  }

  /** Fail the requests without a reply, or queue them again. */
  #loseRequests(code: number, reason: string): void {
    const lost = [...this.#sent.values()];
    this.#sent.clear();
    const isRepeated = (request: Request) => request.idempotent && !CAUSED_BY_MESSAGE.has(code);
    this.#queue = [...lost.filter(isRepeated), ...this.#queue].filter((each) => !each.isBound);
    const error = new ConnectionLost(`the connection was lost (${code})`, true, code, reason);
    for (const request of lost) {
      if (!isRepeated(request)) {
        request.onError(error);
      }
    }
  }

  #failAll(error: Error): void {
    const requests = [...this.#sent.values(), ...this.#delayed, ...this.#queue];
    this.#sent.clear();
    this.#delayed.clear();
    this.#queue = [];
    for (const request of requests) {
      request.onError(error);
    }
  }

  #end(error: ConnectionLost, event: StateEvent): void {
    this.#loseRequests(error.code ?? 1000, error.reason ?? "");
    this.#failAll(error);
    this.#stopListening();
    this.#setState(event);
  }

  // --- heartbeats ----------------------------------------------------------------------------

  #startHeartbeat(): void {
    this.#lastReceived = performance.now();
    if (this.#options.heartbeatMs) {
      this.#scheduleHeartbeat();
    }
  }

  /** Probe when there was no message for the time; messages do not move the timer, only this. */
  #scheduleHeartbeat(): void {
    const due = this.#lastReceived + this.#options.heartbeatMs - performance.now();
    const check = () => {
      const isDue = this.#lastReceived + this.#options.heartbeatMs <= performance.now();
      isDue ? this.#probe() : this.#scheduleHeartbeat();
    };
    this.#timers.heartbeat = setTimeout(check, Math.max(0, due));
  }

  /** Ask the server for a message, and reconnect if there is none. */
  #probe(): void {
    // The server does not know this type, and so answers with an error.
    const message = { messageType: "ping" };
    this.sendFirst({ message, isBound: true, onReply: ignore, onError: ignore });
    clearTimeout(this.#timers.heartbeat);
    const sentAt = performance.now();
    const isAlive = () => this.#lastReceived >= sentAt;
    this.#timers.heartbeat = setTimeout(
      () => (isAlive() ? this.#startHeartbeat() : this.#handleSilence()),
      Math.min(ANSWER_TIMEOUT_MS, this.#options.heartbeatMs || Infinity),
    );
  }

  #handleSilence(): void {
    // The close event of a dead connection may come minutes later.
    this.#disconnect(1000);
    this.#handleClose(ABNORMAL, "the server does not answer");
  }
}

/** Ignores a reply. */
export const ignore = () => {};

function createStandardSocket(url: string): WebSocketLike {
  if (typeof WebSocket !== "function") {
    throw new Error('there is no global WebSocket; pass createSocket, for example with the package "ws"');
  }
  return new WebSocket(url);
}

/** Call `check` when the network is available again, or the page visible; return how to stop. */
function onNetworkChange(check: () => void): () => void {
  if (typeof addEventListener !== "function") {
    return ignore;
  }
  const checkVisible = () => document.hidden || check();
  const page = typeof document === "object" ? document : undefined;
  addEventListener("online", check);
  page?.addEventListener("visibilitychange", checkVisible);
  return () => {
    removeEventListener("online", check);
    page?.removeEventListener("visibilitychange", checkVisible);
  };
}
