// The rate of messages, and the delays of reconnects.

/**
 * The server counts messages in windows of one second, which begin at any time: no interval of that
 * length may have more. The margin is for messages that are delayed on the way.
 */
const WINDOW_MS = 1100;
/** How long a lower limit applies: the server may have refused messages that it read late. */
const SLOW_MS = 10_000;

/** Limits the messages in any window; a token bucket would exceed the rate after its burst. */
export class Pacer {
  /** The times of the last messages, the oldest first. */
  #sent: number[] = [];
  #pausedUntil = 0;

  /** The current limit. */
  limit: number;

  /** @param normalLimit How many messages may be sent in a window; 0: any number. */
  constructor(readonly normalLimit: number) {
    this.limit = normalLimit;
  }

  /** Return the milliseconds until the next message may be sent. */
  delay(now: number): number {
    if (now >= this.#pausedUntil + SLOW_MS) {
      this.limit = this.normalLimit;
    }
    const oldest = this.limit && this.#sent.length >= this.limit ? this.#sent[0]! + WINDOW_MS : 0;
    return Math.max(0, Math.max(oldest, this.#pausedUntil) - now);
  }

  /** Count a message. */
  count(now: number): void {
    this.#sent.push(now);
    while (this.#sent.length > this.limit) {
      this.#sent.shift();
    }
  }

  /** The server has refused a message: send nothing for one window, and then half as many. */
  slowDown(now: number): void {
    if (now >= this.#pausedUntil) {
      this.#pausedUntil = now + WINDOW_MS;
      this.limit = Math.max(1, this.limit >> 1);
      this.#sent = [];
    }
  }

  /** Begin with a new connection, whose messages the server counts separately. */
  reset(): void {
    this.#sent = [];
    this.#pausedUntil = 0;
  }
}

/** Exponential back-off with full jitter: a random delay below a limit, which doubles. */
export class Backoff {
  #attempts = 0;

  constructor(
    readonly minMs: number,
    readonly maxMs: number,
  ) {}

  next(): number {
    return Math.random() * Math.min(this.maxMs, this.minMs * 2 ** this.#attempts++);
  }

  /** Begin with the longest delays. */
  exhaust(): void {
    this.#attempts = Math.max(this.#attempts, Math.ceil(Math.log2(this.maxMs / this.minMs)));
  }

  reset(): void {
    this.#attempts = 0;
  }
}
