/**
 * Turns taken between the tabs of one site, by the Web Locks API. Where it is
 * missing (old browsers, pages without https) each tab acts alone; the newest
 * grant in storage then decides.
 */

// Longer than any one call may take; a tab frozen while it holds the lock must
// not stop the others for good.
const PATIENCE_MS = 20_000;

/**
 * Runs the task while no other tab runs one of the same name.
 *
 * @template T
 * @param {LockManager | undefined} locks
 * @param {string} name
 * @param {() => Promise<T>} task
 * @returns {Promise<T>}
 */
export async function takeTurn(locks, name, task) {
  if (!locks) return task();
  let started = false;
  const run = () => {
    started = true;
    return task();
  };
  try {
    return await locks.request(name, { signal: AbortSignal.timeout(PATIENCE_MS) }, run);
  } catch (error) {
    if (started) throw error;
    return task();
  }
}

/**
 * Takes the name for this tab if no other has it, and holds it until released.
 *
 * @param {LockManager | undefined} locks
 * @param {string} name
 * @returns {Promise<(() => void) | undefined>} what releases it; undefined where another tab holds it
 */
export function holdIfFree(locks, name) {
  if (!locks) return Promise.resolve(() => {});
  return new Promise((resolve) => {
    const held = (lock) => {
      if (!lock) return resolve(undefined);
      return new Promise((release) => resolve(release));
    };
    locks.request(name, { ifAvailable: true }, held).catch(() => resolve(() => {}));
  });
}
