// `ActionHeroClient`: calls, streams and subscriptions over one connection.

import {
  Connection,
  type ConnectionOptions,
  ignore,
  type Reply,
  type Request,
  type State,
  type StateEvent,
} from "./connection.js";
import { Emitter } from "./emitter.js";
import { CallFailed, ConnectionLost, isTemporary } from "./errors.js";
import { parseEvent, type StreamEvent } from "./events.js";
import { Queue } from "./queue.js";
import { Backoff } from "./rate.js";
import { type Confirmation, type SubscribeOptions, Subscription } from "./subscription.js";
import type { AnyActions, Arguments, CallNames, ResultOf, StreamNames, StreamOf } from "./types.js";

/** How many channels a message has at most: the default of `channels.max_subscriptions`. */
const MAX_CHANNELS = 100;

export interface WaitOptions {
  /** Ends the wait: the promise is rejected with the reason of the signal. */
  signal?: AbortSignal | undefined;
  /** The time limit in milliseconds: the promise is rejected with a `TimeoutError`. */
  timeoutMs?: number | undefined;
}

export interface CallOptions extends WaitOptions {
  /** Whether the call is sent again if the connection is lost before the response. */
  idempotent?: boolean;
  /** Whether the call is sent again if the server answers that the rate is exceeded. */
  retryRateLimited?: boolean;
}

export interface ClientEvents {
  /** The state of the connection has changed. */
  state: StateEvent;
  /** The server has ended a subscription, as its session has ended. Further calls are anonymous. */
  sessionEnd: { channel: string };
  /** Broadcasts of a channel may have been lost. */
  gap: { channel: string };
  /** The server has sent a message to this client, without a channel. */
  direct: { message: any };
  /** The server has sent an error that does not name a message. */
  error: CallFailed;
}

/**
 * A client of an ActionHero server.
 *
 * `Actions` has the types of the actions by their names: the interface `operations` that
 * openapi-typescript generates, or `{ name: { params, result } }` and `{ name: { params, stream } }`.
 */
export class ActionHeroClient<Actions = AnyActions> extends Emitter<ClientEvents> {
  readonly #connection: Connection;
  readonly #subscriptions = new Map<string, Subscription>();
  /** The subscriptions that were requested over the current connection. */
  #requested = new Set<Subscription>();
  readonly #subscribeBackoff: Backoff;

  /**
   * @param url Such as `wss://example.com/ws`; relative to the page in a browser.
   * @param options The options.
   */
  constructor(url: string | URL = "/ws", options: ConnectionOptions = {}) {
    super();
    const absolute = new URL(url, globalThis.location?.href);
    absolute.protocol = absolute.protocol.replace("http", "ws");
    this.#subscribeBackoff = new Backoff(options.minBackoffMs ?? 200, options.maxBackoffMs ?? 10_000);
    this.#connection = new Connection(absolute.href, options, {
      onState: (event) => this.#handleState(event),
      onOpen: () => this.#resubscribe(),
      onMessage: (message) => this.#handleMessage(message),
    });
  }

  /** The state of the connection. */
  get state(): State {
    return this.#connection.state;
  }

  /** How often the connection was lost and restored. */
  get reconnections(): number {
    return this.#connection.reconnections;
  }

  /**
   * Connect, and wait for the connection.
   *
   * @throws ConnectionLost The client is closed, or does not reconnect.
   */
  open(options: WaitOptions = {}): Promise<void> {
    return new Promise((resolve, reject) => {
      options.signal?.throwIfAborted();
      const check = ({ state }: { state: State }) => {
        if (state === "open") {
          stop();
          resolve();
        } else if (state === "closed") {
          stop();
          reject(new ConnectionLost("the client is closed", false));
        }
      };
      const remove = this.on("state", check);
      const stopWaiting = onAbort(options, (reason) => {
        stop();
        reject(reason);
      });
      const stop = () => {
        remove();
        stopWaiting();
      };
      this.#connection.open();
      check(this);
    });
  }

  /** Close the connection and open a new one, such as with the cookie of a new session. */
  reconnect(): void {
    this.#connection.reconnect();
  }

  /** Close the connection for good. */
  close(): void {
    this.#connection.close();
  }

  /**
   * Call an action. While there is no connection, the call waits for it.
   *
   * @throws CallFailed The server answered with an error.
   * @throws ConnectionLost The connection has ended: if `sent`, the action may have run or not.
   */
  call<Name extends CallNames<Actions>>(
    action: Name,
    ...[params, options = {}]: Arguments<Actions[Name], CallOptions>
  ): Promise<ResultOf<Actions[Name]>> {
    return new Promise((resolve, reject) => {
      options.signal?.throwIfAborted();
      const settle = (callback: () => void) => {
        stop();
        callback();
      };
      const request: Request = {
        message: { messageType: "action", action, params },
        onReply: (reply) => {
          if ("response" in reply) {
            settle(() => resolve(reply.response as ResultOf<Actions[Name]>));
          } else {
            request.isStream = true;
            this.#connection.forget(request);
            settle(() => reject(new TypeError(`action "${action}" streams; use stream() or chunks()`)));
          }
        },
        onError: (error) => settle(() => reject(error)),
        idempotent: options.idempotent,
        retryRateLimited: options.retryRateLimited,
      };
      const stop = onAbort(options, (reason) => {
        this.#connection.forget(request);
        reject(reason);
      });
      this.#connection.send(request);
    });
  }

  /**
   * Call an action that is an async generator, and iterate over its events. Leaving the loop, or
   * aborting the signal, ends the iteration.
   *
   * @throws CallFailed The action failed, before the first event or later.
   * @throws ConnectionLost The connection has ended.
   */
  async *stream<Name extends StreamNames<Actions>>(
    action: Name,
    ...[params, options]: Arguments<Actions[Name], WaitOptions>
  ): AsyncGenerator<StreamEvent<StreamOf<Actions[Name]>>, void, undefined> {
    for await (const chunk of this.#chunks(action, params, options)) {
      const event = parseEvent(chunk);
      if (event) {
        yield event;
      }
    }
  }

  /** Call an action that returns a `Stream`, and iterate over its chunks as text; see `stream`. */
  chunks<Name extends keyof Actions & string>(
    action: Name,
    ...[params, options]: Arguments<Actions[Name], WaitOptions>
  ): AsyncGenerator<string, void, undefined> {
    return this.#chunks(action, params, options);
  }

  async *#chunks(action: string, params: unknown, options: WaitOptions = {}): AsyncGenerator<string, void, undefined> {
    options.signal?.throwIfAborted();
    const chunks = new Queue<string>();
    const request: Request = {
      message: { messageType: "action", action, params },
      onReply: ({ chunk, streaming }) => {
        if (chunk !== undefined) {
          chunks.push(chunk);
        } else {
          chunks.end(streaming === false ? undefined : new TypeError(`action "${action}" does not stream; use call()`));
        }
      },
      onError: (error) => chunks.end(error),
      isStream: true,
    };
    const stop = onAbort(options, (reason) => {
      chunks.drain();
      chunks.end(reason);
    });
    this.#connection.send(request);
    try {
      for (;;) {
        const { done, value } = await chunks.next();
        if (done) {
          return;
        }
        yield value;
      }
    } finally {
      stop();
      this.#connection.forget(request);
    }
  }

  /**
   * Subscribe to a channel, until `unsubscribe` or the end of the iteration.
   *
   * @throws Error There is a subscription to the channel already.
   */
  subscribe<Message = any>(channel: string, options: SubscribeOptions = {}): Subscription<Message> {
    options.signal?.throwIfAborted();
    if (this.#subscriptions.has(channel)) {
      throw new Error(`there is a subscription to channel "${channel}" already; use that one`);
    }
    const subscription = new Subscription<Message>(channel, options, () => this.#unsubscribe(subscription));
    this.#connection.open();
    this.#subscriptions.set(channel, subscription);
    subscription.on("gap", (event) => this.emit("gap", event));
    if (this.state === "closed") {
      this.#end(subscription, new ConnectionLost("the client is closed", false));
    }
    // Those of the same turn of the event loop are requested together.
    queueMicrotask(() => this.#requestSubscriptions((request) => this.#connection.send(request)));
    return subscription;
  }

  // --- subscriptions -------------------------------------------------------------------------

  #resubscribe(): void {
    this.#requested = new Set();
    this.#requestSubscriptions((request) => this.#connection.sendFirst(request));
  }

  /** Request the subscriptions that were not requested over this connection. */
  #requestSubscriptions(send: (request: Request) => void): void {
    if (this.state !== "open") {
      return;
    }
    const missing = [...this.#subscriptions.values()].filter((each) => !this.#requested.has(each));
    while (missing.length) {
      this.#request(missing.splice(0, MAX_CHANNELS), send);
    }
  }

  /** Request subscriptions in one message. */
  #request(subscriptions: Subscription[], send: (request: Request) => void): void {
    const requested = this.#requested;
    const byChannel = new Map(subscriptions.map((each) => [each.channel, each]));
    const channels = [...byChannel.keys()];
    for (const each of subscriptions) {
      requested.add(each);
      each.isConfirmed = false;
    }
    // Also `null`: the server confirms before the first broadcast, with the position to resume from.
    const since = (each: Subscription) => each.lastId;
    send({
      message: {
        messageType: "subscribe",
        ...(channels.length === 1
          ? { channel: channels[0], since: since(subscriptions[0]!) }
          : { channels, since: Object.fromEntries(subscriptions.map((each) => [each.channel, since(each)])) }),
      },
      replies: channels.length,
      isBound: true,
      onReply: (reply) => {
        const confirmation = reply.subscribed as Confirmation;
        this.#subscribeBackoff.reset();
        byChannel.get(confirmation.channel)?.confirm(confirmation);
      },
      onError: (error, channel) => {
        const refused = channel === undefined ? subscriptions : [byChannel.get(channel)!];
        if (isTemporary(error)) {
          setTimeout(() => {
            if (requested === this.#requested) {
              refused.forEach((each) => requested.delete(each));
              this.#requestSubscriptions((request) => this.#connection.send(request));
            }
          }, this.#subscribeBackoff.next());
        } else if (error instanceof CallFailed) {
          // A server that does not know lists refuses the whole message.
          refused.length > 1
            ? refused.forEach((each) => this.#request([each], send))
            : this.#end(refused[0]!, error);
        }
        // After a lost connection, the next one is used.
      },
    });
  }

  #unsubscribe(subscription: Subscription): void {
    this.#forget(subscription);
    if (this.#requested.has(subscription) && this.state === "open") {
      const message = { messageType: "unsubscribe", channel: subscription.channel };
      this.#connection.send({ message, isBound: true, onReply: ignore, onError: ignore });
    }
  }

  #end(subscription: Subscription, error: Error | undefined): void {
    this.#forget(subscription);
    subscription.end(error);
  }

  #forget(subscription: Subscription): void {
    if (this.#subscriptions.get(subscription.channel) === subscription) {
      this.#subscriptions.delete(subscription.channel);
    }
  }

  // --- received ------------------------------------------------------------------------------

  #handleMessage({ message, direct, gap, unsubscribed, error }: Reply): void {
    if (message) {
      this.#confirmed(message.channel)?.receive(message);
    } else if (direct) {
      this.emit("direct", direct);
    } else if (gap) {
      this.#subscriptions.get(gap.channel)?.noteGap();
    } else if (unsubscribed) {
      const { channel } = unsubscribed;
      const subscription = this.#confirmed(channel);
      if (subscription) {
        this.#end(subscription, new ConnectionLost(`the server has ended the subscription to "${channel}"`, true));
        this.emit("sessionEnd", { channel });
      }
    } else if (error) {
      this.emit("error", new CallFailed(error));
    }
  }

  /** Return the subscription to a channel; messages before its confirmation are of an earlier one. */
  #confirmed(channel: string): Subscription | undefined {
    const subscription = this.#subscriptions.get(channel);
    return subscription?.isConfirmed ? subscription : undefined;
  }

  #handleState(event: StateEvent): void {
    if (event.state === "closed") {
      const { code, reason } = event;
      const error =
        code === undefined ? undefined : new ConnectionLost(`the connection was lost (${code})`, true, code, reason);
      for (const subscription of [...this.#subscriptions.values()]) {
        this.#end(subscription, error);
      }
    }
    this.emit("state", event);
  }
}

/** Call `callback` once with the reason of a later abort or a timeout; return how to stop. */
function onAbort({ signal, timeoutMs }: WaitOptions, callback: (reason: unknown) => void): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const stop = () => {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
  };
  const end = (reason: unknown) => {
    stop();
    callback(reason);
  };
  const abort = () => end(signal!.reason);
  signal?.addEventListener("abort", abort);
  if (timeoutMs !== undefined) {
    timer = setTimeout(() => end(new DOMException("the time limit has passed", "TimeoutError")), timeoutMs);
  }
  return stop;
}
