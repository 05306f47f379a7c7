/**
 * The time source that everything here takes, so that tests can bring their
 * own. All times are milliseconds of the wall clock: a machine that sleeps
 * stops its timers but not the wall clock, and a token expires by the latter.
 *
 * @typedef {object} Clock
 * @property {() => number} now
 * @property {(callback: () => void, ms: number) => unknown} setTimeout
 * @property {(id: unknown) => void} clearTimeout
 * @property {() => number} random from 0 up to, not including, 1
 */

/** @type {Clock} */
export const systemClock = {
  now: () => Date.now(),
  setTimeout: (callback, ms) => setTimeout(callback, ms),
  clearTimeout: (id) => clearTimeout(id),
  random: () => Math.random()
};

/**
 * A pause that can be cut short.
 *
 * @param {Clock} clock
 * @param {number} ms Infinity: until it is ended
 * @returns {{ over: Promise<void>, end: () => void }}
 */
export function pause(clock, ms) {
  let end = () => {};
  const over = new Promise((resolve) => {
    // Browsers take an endless or very long time for none at all.
    const timer = ms === Infinity ? undefined : clock.setTimeout(resolve, ms);
    end = () => {
      clock.clearTimeout(timer);
      resolve();
    };
  });
  return { over, end };
}
