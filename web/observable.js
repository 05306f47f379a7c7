/**
 * As much of an observable as Web Chat and directlinejs need of each other.
 */

/** Tells every subscriber each value, and a new one first what was kept. */
export class Subject {
  #observers = new Set();
  #kept;

  constructor(kept = []) {
    this.#kept = kept;
  }

  subscribe(observerOrNext, error) {
    const observer = asObserver(observerOrNext, error);
    this.#kept.forEach((value) => observer.next?.(value));
    this.#observers.add(observer);
    return { unsubscribe: () => this.#observers.delete(observer) };
  }

  next(value, { keep = false } = {}) {
    if (keep) this.#kept.push(value);
    this.#tell(value);
  }

  /** Replaces what is kept. */
  replace(values) {
    this.#kept = values;
    values.forEach((value) => this.#tell(value));
  }

  #tell(value) {
    this.#observers.forEach((observer) => observer.next?.(value));
  }
}

/** Both forms in which one subscribes: Web Chat hands over functions at times. */
const asObserver = (observerOrNext, error) =>
  typeof observerOrNext === 'function' ? { next: observerOrNext, error } : observerOrNext;

/** An observable of the one value of a promise, made when someone subscribes. */
export function fromPromise(run) {
  return {
    subscribe(observerOrNext, error) {
      const observer = asObserver(observerOrNext, error);
      let isOpen = true;
      const next = (value) => {
        if (!isOpen) return;
        observer.next?.(value);
        observer.complete?.();
      };
      run().then(next, (reason) => isOpen && observer.error?.(reason));
      return { unsubscribe: () => (isOpen = false) };
    }
  };
}

/** The first value of an observable. */
export function firstValue(observable) {
  return new Promise((resolve, reject) => {
    observable.subscribe({ next: resolve, error: reject, complete: resolve });
  });
}
