/**
 * Notices that the page is used again after a pause: the tab was hidden or
 * frozen, the machine slept, the network was gone. Timers do not run in a
 * sleeping machine and hardly in a hidden tab, so only the wall clock tells how
 * long the pause was.
 */

const TICK_MS = 15_000;

// Browsers wake the timers of hidden tabs once a minute.
const SLEEP_MS = 90_000;

/**
 * @param {object} options
 * @param {Window} options.window
 * @param {import('./clock.js').Clock} options.clock
 * @param {(how: { slept: boolean, prompted: boolean }) => void} options.onWake
 *   called on each sign of life and every 15 s. slept: open connections are in
 *   doubt, because the page stood still or the network was gone; prompted: it
 *   is more than the passing of time
 * @returns {() => void} stops it
 */
export function watchWake({ window, clock, onWake }) {
  const listening = new AbortController();
  const on = (target, type, listener) => target.addEventListener(type, listener, { signal: listening.signal });
  let last = clock.now();
  let timer;

  const look = ({ doubtful = false, prompted = true } = {}) => {
    const gap = clock.now() - last;
    last = clock.now();
    onWake({ slept: doubtful || gap > SLEEP_MS, prompted });
  };
  const tick = () => {
    timer = clock.setTimeout(tick, TICK_MS);
    look({ prompted: false });
  };

  timer = clock.setTimeout(tick, TICK_MS);
  on(window, 'focus', () => look());
  on(window, 'online', () => look({ doubtful: true }));
  on(window, 'pageshow', (event) => event.persisted && look({ doubtful: true }));
  on(window.document, 'resume', () => look());
  on(window.document, 'visibilitychange', () => window.document.visibilityState === 'visible' && look());

  return () => {
    clock.clearTimeout(timer);
    listening.abort();
  };
}
