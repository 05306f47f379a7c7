import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createApi } from '../api.js';
import { createStorage } from '../storage.js';
import { Tokens } from '../tokens.js';
import { fakeBrowser, fakeClock, fakeFetch, problem } from './fakes.mjs';

const ISSUE = 'POST /GetNewToken/bankx';
const RENEW = 'POST /RefreshToken/bankx';
const LIFE = 1_800;

/** A server that numbers its tokens, and a browser whose tabs share storage and locks. */
function world(rules = {}) {
  let number = 0;
  const clock = fakeClock();
  const browser = fakeBrowser();
  const answer = (more) => ({ token: `token-${(number += 1)}`, expires_in: LIFE, userId: 'dl_u', domain: 'https://dl.example/v3/directline/', ...more });
  const server = fakeFetch({
    [ISSUE]: () => answer({ conversationId: `conversation-${number + 1}`, visitor: `visitor-${number + 1}` }),
    [RENEW]: () => answer({ conversationId: 'ignored' }),
    ...rules
  });
  const openTab = (onGrant) => {
    const tab = browser.tab();
    const storage = createStorage({ ...tab, name: 'x' });
    const api = createApi({ base: 'https://app.example/api', assistant: 'bankx', fetch: server.fetch, clock });
    return new Tokens({ api, storage, clock, locks: browser.locks, name: 'x', onGrant });
  };
  return { clock, browser, server, openTab };
}

const halfLife = LIFE * 500;

test('the first token: its times are counted from the request by expires_in', async () => {
  const { clock, openTab } = world();
  const grant = await openTab().fresh();
  assert.equal(grant.token, 'token-1');
  assert.equal(grant.expiresAt - clock.now(), LIFE * 1_000);
  assert.equal(grant.domain, 'https://dl.example/v3/directline');
});

test('expires_in is read, never assumed', async () => {
  const { openTab } = world({ [ISSUE]: () => ({ token: 't', conversationId: 'c', expires_in: 60 }) });
  const grant = await openTab().fresh();
  assert.equal(grant.expiresAt - grant.issuedAt, 60_000);
});

test('answers that cannot be used are problems', async () => {
  for (const answer of [{}, { token: 't', conversationId: 'c' }, { token: 't', conversationId: 'c', expires_in: 0 }, { token: 't', expires_in: 60 }, [], null]) {
    const { openTab } = world({ [ISSUE]: () => Response.json(answer) });
    await assert.rejects(openTab().fresh(), { code: 'bad_answer' }, JSON.stringify(answer));
  }
});

test('a later page resumes with what is stored and asks for nothing', async () => {
  const { server, openTab } = world();
  const first = await openTab().fresh();
  assert.deepEqual(await openTab().fresh(), first);
  assert.equal(server.calls.length, 1);
});

test('half way through its life the token is renewed; conversation and user stay', async () => {
  const { clock, server, openTab } = world();
  const tokens = openTab();
  const first = await tokens.fresh();
  await clock.advance(0.44 * LIFE * 1_000);
  assert.equal(tokens.isDue, false);
  await clock.advance(0.12 * LIFE * 1_000);
  assert.equal(tokens.isDue, true);

  const renewed = await tokens.fresh();
  assert.equal(server.calls[1].headers.get('Authorization'), 'Bearer token-1');
  assert.equal(renewed.token, 'token-2');
  assert.equal(renewed.conversationId, first.conversationId);
  assert.equal(renewed.userId, 'dl_u');
  assert.equal(tokens.isDue, false);
});

test('the visitor token is sent with the next issue; an answer without one keeps the old', async () => {
  const answers = [{ visitor: 'visitor-1' }, {}, {}];
  const { clock, server, openTab } = world({
    [ISSUE]: () => ({ token: `t${answers.length}`, conversationId: 'c', expires_in: 60, ...answers.shift() })
  });
  const tokens = openTab();
  for (let issue = 0; issue < 3; issue += 1) {
    await tokens.fresh();
    await clock.sleep(61_000);
  }
  assert.deepEqual(server.calls.map(({ body }) => body), [undefined, '{"visitor":"visitor-1"}', '{"visitor":"visitor-1"}']);
});

test('slept past the expiry: no renewal is tried, a new token is issued', async () => {
  const { clock, server, openTab } = world();
  const tokens = openTab();
  await tokens.fresh();
  await clock.sleep(LIFE * 1_000);
  assert.equal(tokens.isExpired, true);
  assert.equal((await tokens.fresh()).conversationId, 'conversation-2');
  assert.deepEqual(server.calls.map(({ rule }) => rule), [ISSUE, ISSUE]);
});

test('the service is away: the token at hand serves until it expires', async () => {
  const { clock, server, openTab } = world({ [RENEW]: () => problem(503, 'direct_line_throttled') });
  const tokens = openTab();
  const first = await tokens.fresh();
  await clock.advance(1.2 * halfLife);
  assert.deepEqual(await tokens.fresh(), first);
  assert.equal(tokens.isDue, false, 'tried again only after a while');
  await clock.advance(60_000);
  assert.equal(tokens.isDue, true);
  assert.equal(server.count(RENEW), 1);
});

test('a renewal is put off for as long as Retry-After says', async () => {
  const { clock, openTab } = world({ [RENEW]: () => problem(429, 'rate_limited', { 'Retry-After': '200' }) });
  const tokens = openTab();
  await tokens.fresh();
  await clock.advance(1.2 * halfLife);
  await tokens.fresh();
  await clock.advance(199_000);
  assert.equal(tokens.isDue, false);
  await clock.advance(12_000);
  assert.equal(tokens.isDue, true);
});

test('no network and an expired token: the problem is told', async () => {
  const { clock, openTab } = world();
  const tokens = openTab();
  await tokens.fresh();
  await clock.sleep(LIFE * 1_000);
  const offline = world({ [ISSUE]: () => new TypeError('Failed to fetch') }).openTab();
  await assert.rejects(offline.fresh(), { code: 'network', status: 0 });
});

test('the server calls the token expired: it is believed, whatever this clock says', async () => {
  const { clock, openTab } = world({ [RENEW]: () => problem(401, 'token_expired') });
  const tokens = openTab();
  await tokens.fresh();
  await clock.advance(1.2 * halfLife);
  assert.equal((await tokens.fresh()).conversationId, 'conversation-2');
});

test('a renewal is refused, but Direct Line has not said no: used to its end, not asked again', async () => {
  const { clock, server, openTab } = world({ [RENEW]: () => problem(401, 'token_invalid') });
  const tokens = openTab();
  await tokens.fresh();
  await clock.advance(1.2 * halfLife);
  assert.equal((await tokens.fresh()).token, 'token-1');
  await clock.advance(0.7 * halfLife);
  assert.equal((await tokens.fresh()).token, 'token-1');
  assert.equal(server.count(RENEW), 1);
  await clock.advance(0.2 * halfLife);
  assert.equal((await tokens.fresh()).token, 'token-2');
});

test('Direct Line refused the token: it is renewed at once', async () => {
  const { server, openTab } = world();
  const tokens = openTab();
  const { token } = await tokens.fresh();
  assert.equal((await tokens.fresh({ refused: token })).token, 'token-2');
  assert.equal(server.count(RENEW), 1);
});

test('Direct Line and the renewal both refuse: a new conversation', async () => {
  const { openTab } = world({ [RENEW]: () => problem(401, 'token_invalid') });
  const tokens = openTab();
  const { token } = await tokens.fresh();
  assert.equal((await tokens.fresh({ refused: token })).conversationId, 'conversation-2');
});

test('another tab has renewed already: its token is taken, the refused one not renewed again', async () => {
  const { server, openTab } = world();
  const [one, other] = [openTab(), openTab()];
  const { token } = await one.fresh();
  await one.fresh({ refused: token });
  assert.equal((await other.fresh({ refused: token })).token, 'token-2');
  assert.equal(server.count(RENEW), 1);
});

test('two tabs at once: one call, both the same', async () => {
  const { clock, server, openTab } = world();
  const heard = [];
  const tabs = [openTab(), openTab((grant) => heard.push(grant.token))];
  const [a, b] = await Promise.all(tabs.map((tab) => tab.fresh()));
  assert.deepEqual(a, b);
  await clock.advance(1.2 * halfLife);
  const [c, d] = await Promise.all(tabs.map((tab) => tab.fresh()));
  assert.deepEqual(c, d);
  assert.deepEqual([server.count(ISSUE), server.count(RENEW)], [1, 1]);
  assert.deepEqual(heard, ['token-1', 'token-2']);
});

test('without locks the newest grant wins in every tab', async () => {
  const { clock, browser, openTab } = world();
  browser.locks = undefined;
  const one = openTab();
  await one.fresh();
  await clock.advance(1);
  const other = openTab();
  one.discard(one.grant.conversationId);
  other.discard(other.grant.conversationId);
  const first = await one.fresh();
  await clock.advance(1);
  const second = await other.fresh();
  assert.deepEqual(second, first);
  assert.deepEqual(one.grant, other.grant);
});

test('a discarded conversation is forgotten, unless another tab has moved on', async () => {
  const { clock, openTab } = world();
  const [one, other] = [openTab(), openTab()];
  const gone = (await one.fresh()).conversationId;
  await clock.advance(1_000);
  one.discard(gone);
  const next = await one.fresh();
  other.discard(gone);
  assert.deepEqual(other.grant, next);
  assert.deepEqual(await other.fresh(), next);
});

test('a clock that was set back: the token is renewed, nothing waits for ever', async () => {
  const { clock, openTab } = world();
  const tokens = openTab();
  await tokens.fresh();
  await clock.advance(-24 * 3_600_000);
  assert.equal(tokens.isDue, true);
});

test('the token itself is in no address and no error', async () => {
  const { clock, server, openTab } = world({ [RENEW]: () => problem(502, 'direct_line_unavailable') });
  const tokens = openTab();
  const { token } = await tokens.fresh();
  await clock.advance(1.2 * halfLife);
  const error = await tokens.fresh({ refused: token }).catch((caught) => caught);
  assert.equal(error.code, 'direct_line_unavailable');
  assert.doesNotMatch(`${error.stack}${error.cause?.stack}`, /token-1/);
  assert.ok(server.calls.every(({ url }) => !url.href.includes('token-')));
});
