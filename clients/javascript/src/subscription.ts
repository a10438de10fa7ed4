// The subscription to a channel.

import { Emitter, reportUncaught } from "./emitter.js";
import { ConnectionLost, isTemporary } from "./errors.js";
import { Queue } from "./queue.js";

/** A broadcast of a channel. */
export interface Broadcast<Message = any> {
  channel: string;
  message: Message;
  sender: string;
  /** The id from which a subscription resumes; `undefined` if the channel has no history. */
  id: string | undefined;
  /** Whether broadcasts before this one may have been lost. */
  afterGap: boolean;
}

export interface PresenceEvent {
  /** `load`: the members have been loaded. */
  event: "join" | "leave" | "load";
  /** The presence key of the subscriber. */
  key: string | undefined;
  /** The presence keys of all subscribers, if `loadMembers` was given. */
  members: ReadonlySet<string> | undefined;
}

export interface SubscriptionEvents<Message = any> {
  message: Broadcast<Message>;
  presence: PresenceEvent;
  gap: { channel: string };
  end: { channel: string; error: Error | undefined };
}

export interface SubscribeOptions {
  /** The id of the last broadcast of an earlier subscription. */
  since?: string;
  /** Returns the presence keys of the channel; called after each subscription. */
  loadMembers?: () => Promise<Iterable<string | number>>;
  /** Ends the subscription. */
  signal?: AbortSignal;
}

/** What the server confirms. */
export interface Confirmation {
  channel: string;
  gap?: boolean;
  id?: string | null;
}

/** How many broadcasts wait for the iteration; the oldest are dropped, which is a gap. */
const BUFFER_LIMIT = 10_000;

/** The subscription to a channel: an async iterable of its broadcasts. */
export class Subscription<Message = any>
  extends Emitter<SubscriptionEvents<Message>>
  implements AsyncIterableIterator<Broadcast<Message>>
{
  /** Resolves when the server has confirmed the subscription; rejected if it refuses. */
  readonly ready: Promise<void>;
  /** The id of the last broadcast; `null` if there is none to resume from. */
  lastId: string | null;
  /** How often broadcasts may have been lost. */
  gaps = 0;
  /** The presence keys of the subscribers, if `loadMembers` was given. */
  members: ReadonlySet<string> | undefined;
  /** @internal Whether the server has confirmed it over the current connection. */
  isConfirmed = false;

  readonly #options: SubscribeOptions;
  readonly #onUnsubscribe: () => void;
  #isReady = false;
  #resolveReady!: () => void;
  #rejectReady!: (error: Error) => void;
  #isAfterGap = false;
  #isEnded = false;
  #queue = new Queue<Broadcast<Message>>();
  /** Whether the iteration receives broadcasts, and not only handlers. */
  #isQueued = true;
  /** The presence events during a load of the members. */
  #missed: { event: string; presenceKey: string }[] | undefined;

  /** @internal Created by `client.subscribe`. */
  constructor(
    /** The name of the channel. */
    readonly channel: string,
    options: SubscribeOptions,
    onUnsubscribe: () => void,
  ) {
    super();
    this.#options = options;
    this.#onUnsubscribe = onUnsubscribe;
    this.lastId = options.since ?? null;
    this.ready = new Promise((resolve, reject) => {
      this.#resolveReady = resolve;
      this.#rejectReady = reject;
    });
    // Also reported by the iteration, and by the event `end`.
    this.ready.catch(() => {});
    options.signal?.addEventListener("abort", this.#abort);
  }

  /** End the subscription. */
  unsubscribe(): void {
    if (!this.#isEnded) {
      this.#onUnsubscribe();
      this.end(undefined);
    }
  }

  override on<Name extends keyof SubscriptionEvents>(
    name: Name,
    handler: (event: SubscriptionEvents<Message>[Name]) => void,
  ): () => void {
    const remove = super.on(name, handler);
    if (name === "message") {
      this.#isQueued = false;
      const earlier = this.#queue.drain();
      queueMicrotask(() => earlier.forEach((broadcast) => this.emit("message", broadcast)));
    }
    return remove;
  }

  [Symbol.asyncIterator](): this {
    this.#isQueued = true;
    return this;
  }

  /** Return the next broadcast. */
  next(): Promise<IteratorResult<Broadcast<Message>, undefined>> {
    return this.#queue.next();
  }

  /** End the iteration, and the subscription. */
  async return(): Promise<IteratorResult<Broadcast<Message>, undefined>> {
    this.unsubscribe();
    this.#queue.drain();
    return { done: true, value: undefined };
  }

  // --- called by the client ------------------------------------------------------------------

  /** @internal */
  confirm({ gap, id }: Confirmation): void {
    // Without a position, nothing was resumed.
    if (gap || (this.#isReady && this.lastId === null)) {
      this.noteGap();
    }
    this.lastId ??= id ?? null;
    this.#isReady = this.isConfirmed = true;
    this.#resolveReady();
    void this.#loadMembers();
  }

  /** @internal */
  receive(content: { message: unknown; sender: string; id?: string }): void {
    // Presence events have no id, unlike broadcasts of any sender.
    const isPresence = content.sender === "presence" && content.id === undefined;
    const presence = isPresence && parsePresence(content.message);
    if (presence) {
      this.#missed?.push(presence);
      this.#applyPresence(presence);
      return;
    }
    this.lastId = content.id ?? this.lastId;
    const { channel } = this;
    const { id, sender } = content;
    const message = content.message as Message;
    const broadcast = { channel, message, sender, id, afterGap: this.#isAfterGap };
    this.#isAfterGap = false;
    if (this.#isQueued) {
      this.#queue.push(broadcast);
      if (this.#queue.size > BUFFER_LIMIT) {
        this.#queue.dropOldest()!.afterGap = true;
        this.gaps++;
        this.emit("gap", { channel });
      }
    }
    this.emit("message", broadcast);
  }

  /** @internal */
  noteGap(): void {
    this.gaps++;
    this.#isAfterGap = true;
    this.emit("gap", { channel: this.channel });
    void this.#loadMembers();
  }

  /** @internal */
  end(error: Error | undefined): void {
    if (this.#isEnded) {
      return;
    }
    this.#isEnded = true;
    this.#options.signal?.removeEventListener("abort", this.#abort);
    this.#rejectReady(error ?? new DOMException("the subscription has ended", "AbortError"));
    this.#queue.end(error);
    this.emit("end", { channel: this.channel, error });
  }

  // --- presence ------------------------------------------------------------------------------

  async #loadMembers(): Promise<void> {
    if (!this.#options.loadMembers || this.#missed) {
      return;
    }
    this.#missed = [];
    try {
      const keys = await this.#options.loadMembers();
      this.members = new Set([...keys].map(String));
      // In their order, the events lead to the current members, also those that were counted.
      const missed = this.#missed;
      this.#missed = undefined;
      missed.forEach((presence) => this.#changeMembers(presence));
      this.emit("presence", { event: "load", key: undefined, members: this.members });
    } catch (error) {
      this.#missed = undefined;
      // They are loaded again with the next connection, or after a gap.
      if (!(error instanceof ConnectionLost || isTemporary(error))) {
        reportUncaught(error);
      }
    }
  }

  #applyPresence(presence: { event: string; presenceKey: string }): void {
    this.#changeMembers(presence);
    const event = presence.event as "join" | "leave";
    this.emit("presence", { event, key: presence.presenceKey, members: this.members });
  }

  #changeMembers({ event, presenceKey }: { event: string; presenceKey: string }): void {
    if (this.members) {
      const members = new Set(this.members);
      event === "join" ? members.add(presenceKey) : members.delete(presenceKey);
      this.members = members;
    }
  }

  #abort = () => this.unsubscribe();
}

function parsePresence(message: unknown): { event: string; presenceKey: string } | undefined {
  try {
    const presence = JSON.parse(message as string);
    return typeof presence.event === "string" ? presence : undefined;
  } catch {
    return undefined;
  }
}
