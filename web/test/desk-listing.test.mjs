import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';

import { createDates, isReversed, pageLocale, parseDate, spanOf } from '../desk/dates.js';
import { fileName } from '../desk/export.js';
import { appendPage, groupByDay, matches, nameOf, shorten } from '../desk/listing.js';

const item = { key: 'k', conversationId: 'Conv-42', userId: 'dl_abc', userName: 'Zoë MÜLLER', lastText: 'Wie heißt du?\nŁódź, ﬁn' };

test('a search ignores accents and case', () => {
  for (const query of ['zoe', 'ZOË', 'muller', 'müller', 'heisst', 'heißt', 'fin', 'conv-42', 'dl_ABC', '', '   ']) {
    assert.ok(matches(item, query), query);
  }
});

test('every word must be there, wherever', () => {
  assert.ok(matches(item, 'muller conv'));
  assert.ok(!matches(item, 'muller nobody'));
});

test('what is searched for is text, not a pattern', () => {
  assert.ok(!matches(item, '.*'));
  assert.ok(matches({ key: 'k', conversationId: 'a.*b' }, '.*'));
});

test('conversations without a name or text are found by their ids', () => {
  assert.ok(matches({ key: 'k', conversationId: 'c', userId: 'dl_1' }, 'dl_1'));
  assert.ok(matches({ key: 'k', conversationId: 'c', userName: null, lastText: null }, 'c'));
});

test('days are grouped in the order in which they come', () => {
  const items = ['b', 'b', 'a', 'b'].map((day, index) => ({ day, index }));
  const groups = groupByDay(items, (one) => one.day);
  assert.deepEqual(groups.map((group) => [group.day, group.items.map((one) => one.index)]), [['b', [0, 1]], ['a', [2]], ['b', [3]]]);
  assert.deepEqual(groupByDay([], (one) => one.day), []);
});

test('a conversation that comes twice is listed once, where it was', () => {
  const [a, b, c] = ['a', 'b', 'c'].map((key) => ({ key }));
  assert.deepEqual(appendPage([a, b], [b, c, c]), [a, b, c]);
});

test('names', () => {
  assert.equal(nameOf(item), 'Zoë MÜLLER');
  assert.equal(nameOf({ userName: '', userId: 'dl_abcdefghijklmnopqrst' }), 'Visitor dl_abcdef…qrst');
  assert.equal(nameOf({}), 'Unknown visitor');
  assert.equal(shorten('0123456789abcdef'), '0123456789abcdef');
});

test('file names hold nothing that a system refuses', () => {
  assert.equal(fileName('../../etc/passwd'), 'etc-passwd.transcript');
  assert.equal(fileName('3a74|live chat'), '3a74-live-chat.transcript');
  assert.equal(fileName('///'), 'conversation.transcript');
  assert.equal(fileName('a'.repeat(500)).length, 80 + '.transcript'.length);
});

test('a day is the day where the reader is', () => {
  const at = new Date('2026-11-21T23:30:00Z');
  assert.equal(createDates({ timeZone: 'UTC' }).day(at), '2026-11-21');
  assert.equal(createDates({ timeZone: 'Europe/Zurich' }).day(at), '2026-11-22');
  assert.equal(createDates({ timeZone: 'UTC' }).day(undefined), '');
});

test('days near by have names', () => {
  const dates = createDates({ timeZone: 'UTC', now: () => Date.parse('2026-11-21T10:00:00Z') });
  const name = (text) => dates.dayName(parseDate(text));
  assert.equal(name('2026-11-21T00:00:00Z'), 'Today');
  assert.equal(name('2026-11-20T23:59:59Z'), 'Yesterday');
  assert.match(name('2026-11-19T12:00:00Z'), /^Thursday,? 19 November$/);
  assert.match(name('2025-11-19T12:00:00Z'), /^Wednesday,? 19 November 2025$/);
  assert.equal(name('never'), 'Without a date');
});

test('hours are written as the reader writes them', () => {
  const at = parseDate('2026-11-21T09:05:00Z');
  const time = (locale) => createDates({ locale, timeZone: 'UTC' }).time(at).replace(/\s/g, ' ');
  assert.equal(time('en-GB'), '09:05');
  assert.equal(time('en-US'), '9:05 AM');
});

test('what is no date is none', () => {
  for (const value of ['', 'soon', 1, null, undefined, {}]) assert.equal(parseDate(value), undefined);
});

test('a span of days ends where the day after begins', () => {
  const { from } = spanOf('2026-11-20', '2026-11-20');
  assert.equal(new Date(from).getTime(), new Date(2026, 10, 20).getTime());
  assert.deepEqual(spanOf('', ''), { from: undefined, to: undefined });
  assert.deepEqual(spanOf('x', undefined), { from: undefined, to: undefined });
});

test('days are the wrong way round where the first is after the last, both chosen', () => {
  assert.equal(isReversed('2026-11-21', '2026-11-20'), true);
  assert.equal(isReversed('2026-11-20', '2026-11-20'), false);
  assert.equal(isReversed('0999-12-31', '2026-11-20'), false);
  for (const [first, last] of [['2026-11-21', ''], ['', '2026-11-20'], ['', ''], ['2026-11-21', 'x']]) assert.equal(isReversed(first, last), false);
});

// The server counts a conversation by its last activity of each day in UTC.
test('a span ends with a day of UTC, and says when it reaches further', () => {
  const script = `
    import { reachesFurther, spanOf } from './web/desk/dates.js';
    console.log(spanOf('', '2026-12-31').to, reachesFurther('2026-12-31'), reachesFurther(''));
  `;
  for (const [TZ, want] of [
    ['UTC', '2027-01-01T00:00:00.000Z false false'],
    ['America/Los_Angeles', '2027-01-02T00:00:00.000Z true false'],
    ['Europe/Vienna', '2027-01-01T00:00:00.000Z true false']
  ]) {
    const options = { env: { ...process.env, TZ }, cwd: new URL('../..', import.meta.url), encoding: 'utf8' };
    assert.equal(execFileSync(process.execPath, ['--input-type=module', '-e', script], options).trim(), want, TZ);
  }
});

test('the words are English, so are the dates', () => {
  assert.equal(pageLocale(['de-CH', 'en-US', 'en']), 'en-US');
  assert.equal(pageLocale(['de']), 'en-GB');
  assert.equal(pageLocale([]), 'en-GB');
});
