import assert from 'node:assert/strict';
import { test } from 'node:test';

import { openConversation } from '../directline.js';
import { fakeClock, fakeFetch } from './fakes.mjs';

const START = 'POST /conversations';
const RESUME = 'GET /conversations/c%201';
const LIST = 'GET /conversations/c%201/activities';
const fresh = { token: 't', conversationId: 'c 1', domain: 'https://dl.example/v3/directline', issuedAt: 0, expiresAt: 1 };
const started = { ...fresh, started: true };

const refusal = (status, code) => () => Response.json({ error: { code, message: 'secret words' } }, { status });

async function open(grant, rules, options = {}) {
  const server = fakeFetch(rules);
  const clock = fakeClock();
  const opened = await openConversation({ grant, fetch: server.fetch, clock, ...options });
  return { opened, clock, calls: server.calls };
}

test('a new conversation is started with the token in a header and the locale', async () => {
  const { opened, clock, calls } = await open(fresh, { [START]: () => ({ conversationId: 'c 1', token: 't2', expires_in: 60, streamUrl: 'wss://s' }) }, { locale: 'de-CH' });
  assert.equal(calls[0].headers.get('Authorization'), 'Bearer t');
  assert.equal(calls[0].body, '{"locale":"de-CH"}');
  assert.equal(opened.streamUrl, 'wss://s');
  assert.deepEqual(opened.change, { token: 't2', issuedAt: clock.now(), expiresAt: clock.now() + 60_000, started: true });
});

test('a conversation that has begun: first what was missed, page by page, then the stream from there', async () => {
  const pages = [{ activities: [{ id: 'a' }, { id: 'b' }], watermark: '2' }, { activities: [{ id: 'c' }], watermark: '3' }, { activities: [], watermark: '3' }];
  const { opened, calls } = await open(started, { [LIST]: () => pages.shift(), [RESUME]: () => ({ streamUrl: 'wss://s' }) });
  assert.deepEqual(calls.map(({ url }) => url.searchParams.get('watermark')), [null, '2', '3', '3']);
  assert.deepEqual(opened.activities.map(({ id }) => id), ['a', 'b', 'c']);
  assert.equal(opened.watermark, '3');
  assert.deepEqual(opened.change, { started: true });
});

test('with a watermark only what came after it is asked for', async () => {
  const { calls } = await open(started, { [LIST]: () => ({ activities: [] }), [RESUME]: () => ({ streamUrl: 'wss://s' }) }, { watermark: '7' });
  assert.deepEqual(calls.map(({ url }) => url.searchParams.get('watermark')), ['7', '7']);
});

test('a server that never runs out of pages does not keep the visitor waiting for ever', async () => {
  const { calls } = await open(started, { [LIST]: () => ({ activities: [{}], watermark: '1' }), [RESUME]: () => ({ streamUrl: 'wss://s' }) });
  assert.equal(calls.length, 51);
});

test('another tab has started it in the meantime (409): it is resumed', async () => {
  const { opened } = await open(fresh, { [START]: refusal(409, 'Conflict'), [LIST]: () => ({ activities: [] }), [RESUME]: () => ({ streamUrl: 'wss://s' }) });
  assert.equal(opened.streamUrl, 'wss://s');
});

test('Direct Line’s answers, by their status', async () => {
  const cases = [
    [401, 'token_invalid', { tokenRefused: true, mayPass: true }],
    [403, 'token_invalid', { tokenRefused: true, mayPass: true }],
    [404, 'conversation_gone', { tokenRefused: false, mayPass: true }],
    [429, 'direct_line_throttled', { mayPass: true }],
    [500, 'direct_line_unavailable', { mayPass: true }],
    [503, 'direct_line_unavailable', { mayPass: true }],
    [400, 'direct_line_400', { mayPass: true }]
  ];
  for (const [status, code, more] of cases) {
    const error = await open(fresh, { [START]: refusal(status, 'whatever') }).catch((caught) => caught);
    assert.equal(error.code, code);
    assert.equal(error.status, status);
    for (const [name, value] of Object.entries(more)) assert.equal(error[name], value, `${status} ${name}`);
    assert.doesNotMatch(error.message, /secret words/);
  }
});

test('an answer without a stream, and no answer', async () => {
  await assert.rejects(open(fresh, { [START]: () => ({ token: 't' }) }), { code: 'bad_answer' });
  await assert.rejects(open(fresh, { [START]: () => new TypeError('Failed to fetch') }), { code: 'network' });
});
