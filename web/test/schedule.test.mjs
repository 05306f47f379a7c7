import assert from 'node:assert/strict';
import { test } from 'node:test';

import { readRetryAfter, renewalTime, retryDelay } from '../schedule.js';

test('a token is renewed about half way through its life', () => {
  const grant = { issuedAt: 1_000, expiresAt: 1_000 + 3_600_000 };
  assert.equal(renewalTime(grant, 0), 1_000 + 1_620_000);
  assert.equal(renewalTime(grant, 1), 1_000 + 1_980_000);
});

test('a short-lived token is renewed in time too', () => {
  assert.ok(renewalTime({ issuedAt: 0, expiresAt: 10_000 }, 1) < 6_000);
});

test('retries: doubling, with chance, at most a minute apart', () => {
  assert.deepEqual([1, 2, 3, 4].map((failures) => retryDelay(failures, 1)), [1_000, 2_000, 4_000, 8_000]);
  assert.deepEqual([1, 2, 3].map((failures) => retryDelay(failures, 0)), [500, 1_000, 2_000]);
  assert.equal(retryDelay(100, 1), 60_000);
});

test('what the server asks for is the least', () => {
  assert.equal(retryDelay(1, 0, 30_000), 30_000);
  assert.ok(retryDelay(1, 0.9, 30_000) > 30_000);
  assert.equal(retryDelay(10, 1, 5_000), 60_000);
});

test('Retry-After: seconds or a date (RFC 9110, section 10.2.3)', () => {
  const now = Date.parse('2026-11-21T21:00:00Z');
  const cases = [
    [null, 0],
    ['', 0],
    ['120', 120_000],
    [' 5 ', 5_000],
    ['0', 0],
    ['-5', 0],
    ['soon', 0],
    ['Sat, 21 Nov 2026 21:01:00 GMT', 60_000],
    ['Sat, 21 Nov 2026 20:59:00 GMT', 0],
    ['99999999999999999999', 0]
  ];
  for (const [value, expected] of cases) assert.equal(readRetryAfter(value, now), expected, String(value));
});
