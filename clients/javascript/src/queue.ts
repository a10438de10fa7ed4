// The values of an async iteration that have arrived before they are requested.

export class Queue<T> {
  #items: T[] = [];
  #isEnded = false;
  #error: unknown;
  #waiters: (() => void)[] = [];

  get size(): number {
    return this.#items.length;
  }

  push(item: T): void {
    this.#items.push(item);
    this.#wake();
  }

  /** Return all values, and forget them. */
  drain(): T[] {
    return this.#items.splice(0);
  }

  /** Drop the oldest value, and return the next one. */
  dropOldest(): T | undefined {
    this.#items.shift();
    return this.#items[0];
  }

  /** End the iteration after the last value, with an error if there is one. */
  end(error?: unknown): void {
    if (!this.#isEnded) {
      this.#isEnded = true;
      this.#error = error;
      this.#wake();
    }
  }

  async next(): Promise<IteratorResult<T, undefined>> {
    while (!this.#items.length) {
      if (this.#isEnded) {
        if (this.#error !== undefined) {
          throw this.#error;
        }
        return { done: true, value: undefined };
      }
      await new Promise<void>((resolve) => this.#waiters.push(resolve));
    }
    return { done: false, value: this.#items.shift()! };
  }

  #wake(): void {
    for (const resolve of this.#waiters.splice(0)) {
      resolve();
    }
  }
}
