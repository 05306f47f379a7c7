import assert from 'node:assert/strict';
import { test } from 'node:test';

import { watchWake } from '../wake.js';
import { fakeClock } from './fakes.mjs';

function watch() {
  const clock = fakeClock();
  const document = Object.assign(new EventTarget(), { visibilityState: 'visible' });
  const window = Object.assign(new EventTarget(), { document });
  const woken = [];
  const stop = watchWake({ window, clock, onWake: (how) => woken.push(how) });
  const happens = (target, type, more) => target.dispatchEvent(Object.assign(new Event(type), more));
  return { clock, window, document, woken, stop, happens };
}

const last = (woken) => woken.at(-1);

test('while the page is used it looks every 15 s and has not slept', async () => {
  const { clock, woken } = watch();
  await clock.advance(60_000);
  assert.equal(woken.length, 4);
  assert.ok(woken.every(({ slept, prompted }) => !slept && !prompted));
});

test('the timers of a hidden tab run once a minute: that is no sleep', async () => {
  const { clock, woken } = watch();
  await clock.sleep(61_000);
  assert.deepEqual(last(woken), { slept: false, prompted: false });
});

test('the machine slept: the first timer after it tells', async () => {
  const { clock, woken } = watch();
  await clock.sleep(3_600_000);
  assert.deepEqual(woken, [{ slept: true, prompted: false }]);
});

test('the machine slept: the first event after it tells, if that comes sooner', () => {
  const { clock, window, woken, happens } = watch();
  clock.sleep(3_600_000);
  happens(window, 'focus');
  assert.deepEqual(woken, [{ slept: true, prompted: true }]);
});

test('a tab that comes to the front, and only that', () => {
  const { document, woken, happens } = watch();
  document.visibilityState = 'hidden';
  happens(document, 'visibilitychange');
  assert.equal(woken.length, 0);
  document.visibilityState = 'visible';
  happens(document, 'visibilitychange');
  happens(document, 'resume');
  assert.deepEqual(woken, [{ slept: false, prompted: true }, { slept: false, prompted: true }]);
});

test('back online, or back from the browser’s cache: connections are in doubt', () => {
  const { window, woken, happens } = watch();
  happens(window, 'online');
  happens(window, 'pageshow', { persisted: false });
  happens(window, 'pageshow', { persisted: true });
  assert.deepEqual(woken, [{ slept: true, prompted: true }, { slept: true, prompted: true }]);
});

test('stopped: no timer and no listener is left', async () => {
  const { clock, window, woken, stop, happens } = watch();
  stop();
  happens(window, 'focus');
  await clock.advance(60_000);
  assert.deepEqual(woken, []);
  assert.equal(clock.pending, 0);
});
