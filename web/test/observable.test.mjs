import assert from 'node:assert/strict';
import { test } from 'node:test';
import { firstValue, fromPromise, Subject } from '../observable.js';

const settled = () => new Promise((resolve) => setImmediate(resolve));

// Web Chat subscribes by functions to getSessionId, without which no sign-in card
// opens, and by an observer to everything else.
for (const [how, subscribe] of Object.entries({
  functions: (source, next, error) => source.subscribe(next, error),
  'an observer': (source, next, error) => source.subscribe({ next, error })
})) {
  test(`one subscribes by ${how}: the value comes, or the error`, async () => {
    const seen = [];
    subscribe(fromPromise(async () => 'value'), (value) => seen.push(value), assert.fail);
    subscribe(fromPromise(() => Promise.reject('reason')), assert.fail, (reason) => seen.push(reason));
    await settled();
    assert.deepEqual(seen, ['value', 'reason']);
  });

  test(`one subscribes to a subject by ${how}: what was kept comes first`, () => {
    const seen = [];
    const subject = new Subject(['kept']);
    subscribe(subject, (value) => seen.push(value));
    subject.next('next');
    assert.deepEqual(seen, ['kept', 'next']);
  });
}

test('after the end of a subscription nothing comes', async () => {
  const subscription = fromPromise(async () => 'late').subscribe(assert.fail, assert.fail);
  subscription.unsubscribe();
  await settled();
});

test('the first value of an observable', async () => {
  assert.equal(await firstValue(fromPromise(async () => 7)), 7);
  await assert.rejects(firstValue(fromPromise(() => Promise.reject(new Error('away')))), /away/);
});
