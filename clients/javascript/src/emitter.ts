// Event handlers.

/** Dispatches events to handlers; `Events` has the type of the argument by the name of the event. */
export class Emitter<Events> {
  #handlers = new Map<keyof Events, Set<(event: never) => void>>();

  /**
   * Add a handler of an event.
   *
   * @returns A function that removes the handler.
   */
  on<Name extends keyof Events>(name: Name, handler: (event: Events[Name]) => void): () => void {
    const handlers = this.#handlers.get(name) ?? new Set();
    this.#handlers.set(name, handlers.add(handler));
    return () => handlers.delete(handler);
  }

  /** @internal */
  emit<Name extends keyof Events>(name: Name, event: Events[Name]): void {
    for (const handler of this.#handlers.get(name) ?? []) {
      try {
        (handler as (event: Events[Name]) => void)(event);
      } catch (error) {
        reportUncaught(error);
      }
    }
  }
}

/** Report an error like an uncaught one, without ending the current function. */
export function reportUncaught(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
