import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Subject } from '../observable.js';
import { Session } from '../session.js';
import { fakeBrowser, fakeClock, fakeFetch, problem, settle } from './fakes.mjs';

const ISSUE = 'POST /GetNewToken';
const RENEW = 'POST /RefreshToken';
const START = 'POST /conversations';
const RESUME = 'GET /conversations/[^/]+';
const LIST = 'GET /activities';
const LIFE = 1_800_000;

/** A network of one server and one browser; each page is a session of its own. */
function world(rules = {}) {
  const clock = fakeClock();
  const browser = fakeBrowser();
  const sockets = [];
  let number = 0;
  const token = (more) => ({ token: `token-${(number += 1)}`, expires_in: LIFE / 1_000, userId: 'dl_u', visitor: 'v', ...more });
  const server = fakeFetch({
    [ISSUE]: () => token({ conversationId: `conversation-${number + 1}` }),
    [RENEW]: () => token(),
    [START]: () => ({ streamUrl: 'wss://stream/start' }),
    [LIST]: ({ url }) => ({ activities: url.searchParams.get('watermark') ? [] : [{ id: 'old', type: 'message' }], watermark: '1' }),
    [RESUME]: ({ url }) => ({ streamUrl: `wss://stream/${url.searchParams.get('watermark')}` }),
    ...rules
  });

  /** What directlinejs does with a stream, as far as it matters here. */
  function createDirectLine(options) {
    const line = {
      ...options,
      connectionStatus$: new Subject([2]),
      services: { WebSocket: class {} },
      reconnect: (conversation) => Object.assign(line, conversation),
      end: () => line.socket?.close?.()
    };
    const activity$ = new Subject();
    line.activity$ = {
      subscribe(observer) {
        line.socket = new line.services.WebSocket(line.streamUrl);
        line.socket.onmessage = ({ data }) => JSON.parse(data).activities.forEach((activity) => activity$.next(activity));
        return activity$.subscribe(observer);
      }
    };
    world.lines.push(line);
    return line;
  }

  const world = {
    clock,
    browser,
    server,
    sockets,
    lines: [],
    behaviour: { opens: true },
    openPage(options = {}) {
      const { area, events } = browser.tab();
      class WebSocket extends EventTarget {
        constructor(url) {
          super();
          this.url = url;
          sockets.push(this);
          if (world.behaviour.opens) queueMicrotask(() => this.dispatchEvent(new Event('open')));
        }
        close() {
          if (!this.isClosed) this.dispatchEvent(new Event('close'));
          this.isClosed = true;
        }
      }
      const document = Object.assign(new EventTarget(), { visibilityState: 'visible' });
      const navigator = { onLine: true, locks: browser.locks };
      const window = Object.assign(events, { document, navigator, WebSocket, localStorage: area });
      const session = new Session({ api: 'https://app.example/api/', createDirectLine, window, fetch: server.fetch, clock, ...options });
      const states = [];
      session.addEventListener('change', () => states.at(-1) !== session.state.name && states.push(session.state.name));
      const activities = [];
      session.directLine.activity$.subscribe({ next: ({ id }) => activities.push(id) });
      return { session, states, activities, window };
    }
  };
  return world;
}

/** A page whose chat can be used. */
async function readyPage(w) {
  const page = w.openPage();
  page.session.start();
  await w.clock.advance(0);
  assert.equal(page.session.state.name, 'ready');
  return page;
}

const refusal = (status, code) => () => Response.json({ error: { code } }, { status });

/** Answers in turn; the last one for good. */
const inTurn = (...answers) => (request) => (answers.length > 1 ? answers.shift() : answers[0])(request);

test('a first visit: token, conversation, stream; directlinejs is given all three', async () => {
  const w = world();
  const { session, states } = await readyPage(w);
  assert.deepEqual(w.server.calls.map(({ rule }) => rule), [ISSUE, START]);
  const { token, conversationId, domain, streamUrl } = w.lines[0];
  assert.deepEqual([token, conversationId, streamUrl], ['token-1', 'conversation-1', 'wss://stream/start']);
  assert.equal(domain, 'https://directline.botframework.com/v3/directline');
  assert.equal(session.directLine.token, 'token-1');
  assert.deepEqual(states, ['starting', 'ready']);
  assert.equal(session.state.isRenewed, false);
});

test('the next page resumes: the history over HTTP, then the stream from there', async () => {
  const w = world();
  (await readyPage(w)).session.stop();
  const { session, activities } = await readyPage(w);
  assert.deepEqual(activities, ['old']);
  assert.equal(w.lines[1].streamUrl, 'wss://stream/1');
  assert.deepEqual([session.state.userId, session.state.conversationId, session.state.isRenewed], ['dl_u', 'conversation-1', false]);
  assert.equal(w.server.count(ISSUE), 1);
});

test('the conversation is gone: a new one for the same visitor, and the state says so', async () => {
  const w = world();
  (await readyPage(w)).session.stop();
  const page = w.openPage();
  w.server.rules[LIST] = refusal(404, 'ConversationNotFound');
  await page.session.start();
  assert.equal(page.session.state.conversationId, 'conversation-2');
  assert.equal(page.session.state.isRenewed, true);
  assert.equal(w.server.calls.findLast(({ rule }) => rule === ISSUE).body, '{"visitor":"v"}');
  page.session.dismissRenewal();
  assert.equal(page.session.state.isRenewed, false);
});

test('Direct Line refuses a token: it is renewed once, then the conversation is given up', async () => {
  const renewedHelps = world({ [START]: inTurn(refusal(403, 'TokenExpired'), () => ({ streamUrl: 'wss://s' })) });
  assert.equal((await readyPage(renewedHelps)).session.state.conversationId, 'conversation-1');
  assert.deepEqual(renewedHelps.server.calls.map(({ rule }) => rule), [ISSUE, START, RENEW, START]);

  const nothingHelps = world({ [START]: inTurn(refusal(403, 'x'), refusal(403, 'x'), () => ({ streamUrl: 'wss://s' })) });
  assert.equal((await readyPage(nothingHelps)).session.state.conversationId, 'conversation-3');
  assert.deepEqual(nothingHelps.server.calls.map(({ rule }) => rule), [ISSUE, START, RENEW, START, ISSUE, START]);
});

test('refused for good: no endless loop, tried again with growing pauses', async () => {
  const w = world({ [START]: refusal(403, 'x') });
  const { session } = w.openPage();
  session.start();
  await settle();
  assert.equal(session.state.name, 'away');
  const before = w.server.calls.length;
  await w.clock.advance(10 * 60_000);
  assert.ok(w.server.calls.length - before < 6 * 16, `${w.server.calls.length - before} calls in ten minutes`);
});

test('what must be there before is awaited, and tried again, before a conversation is opened', async () => {
  const w = world();
  let attempts = 0;
  const { session } = w.openPage({
    prepare: async () => {
      attempts += 1;
      if (attempts === 1) throw new Error('not loaded');
    }
  });
  session.start();
  await settle();
  assert.equal(session.state.name, 'away');
  assert.equal(w.server.count(START), 0);
  await w.clock.advance(1_000);
  assert.equal(session.state.name, 'ready');
});

test('the service is away: told, tried again by itself, and by hand at once', async () => {
  let isAway = true;
  const w = world({ [ISSUE]: () => (isAway ? problem(503, 'secret_unavailable') : { token: 't', conversationId: 'c', expires_in: 60 }) });
  const { session, states } = w.openPage();
  session.start();
  await settle();
  assert.equal(session.state.name, 'away');
  assert.equal(session.state.code, 'secret_unavailable');
  await w.clock.advance(800);
  assert.equal(w.server.count(ISSUE), 2);

  isAway = false;
  session.retry();
  await settle();
  assert.deepEqual(states, ['away', 'ready']);
  assert.equal(session.state.code, undefined);
});

test('Retry-After is honoured, also when the tab comes to the front', async () => {
  const w = world({ [ISSUE]: () => problem(429, 'rate_limited', { 'Retry-After': '30' }) });
  const { session, window } = w.openPage();
  session.start();
  await w.clock.advance(29_000);
  window.dispatchEvent(new Event('focus'));
  await settle();
  assert.equal(w.server.count(ISSUE), 1);
  await w.clock.advance(5_000);
  assert.equal(w.server.count(ISSUE), 2);
});

test('a page that may not chat asks once', async () => {
  for (const code of ['origin_not_allowed', 'unknown_assistant']) {
    const w = world({ [ISSUE]: () => problem(403, code) });
    const { session, window } = w.openPage();
    session.start();
    await w.clock.advance(600_000);
    window.dispatchEvent(new Event('focus'));
    await settle();
    assert.equal(session.state.name, 'refused');
    assert.equal(w.server.count(ISSUE), 1);
    session.retry();
    await settle();
    assert.equal(w.server.count(ISSUE), 2);
  }
});

test('no network and the browser knows it: offline', async () => {
  const w = world({ [ISSUE]: () => new TypeError('Failed to fetch') });
  const { session, window } = w.openPage();
  window.navigator.onLine = false;
  session.start();
  await settle();
  assert.equal(session.state.name, 'offline');
});

test('the stream breaks: opened again where it left off; a short break is not worth a word', async () => {
  const w = world();
  const { session, states } = await readyPage(w);
  await w.clock.advance(20_000);
  Object.assign(w.lines[0], { watermark: '7' });
  w.sockets[0].close();
  await w.clock.advance(1_000);
  assert.equal(w.sockets.length, 2);
  assert.equal(w.lines[1].watermark, '1', 'what the list of activities said last');
  assert.deepEqual(w.server.calls.filter(({ rule }) => rule === LIST).map(({ url }) => url.searchParams.get('watermark')), ['7']);
  assert.deepEqual(states, ['starting', 'ready']);
  assert.equal(session.state.name, 'ready');
});

test('streams that do not last: ever longer pauses, then polling', async () => {
  const w = world();
  const { session, activities } = await readyPage(w);
  w.sockets[0].close();
  await w.clock.advance(5_000);
  w.sockets[1].close();
  await w.clock.advance(10_000);
  assert.equal(session.state.name, 'ready');
  assert.equal(w.sockets.length, 2, 'no third WebSocket');
  w.server.rules[LIST] = () => ({ activities: [{ id: 'polled', type: 'message' }], watermark: '9' });
  await w.clock.advance(3_000);
  assert.ok(activities.includes('polled'));
});

test('a stream that neither opens nor closes is given up after a while', async () => {
  const w = world();
  w.behaviour.opens = false;
  const { session } = w.openPage();
  session.start();
  await w.clock.advance(14_000);
  assert.equal(session.state.name, 'starting');
  w.behaviour.opens = true;
  await w.clock.advance(3_000);
  assert.equal(session.state.name, 'ready');
  assert.equal(w.sockets.length, 2);
});

test('the token is renewed in time, and the connection in use gets it', async () => {
  const w = world();
  const { session } = await readyPage(w);
  await w.clock.advance(0.56 * LIFE);
  assert.equal(w.server.count(RENEW), 1);
  assert.equal(w.lines.length, 1);
  assert.equal(w.lines[0].token, 'token-2');
  assert.equal(session.directLine.token, 'token-2');
});

test('a token of five seconds is renewed in time, again and again', async () => {
  let number = 0;
  const short = () => ({ token: `short-${(number += 1)}`, expires_in: 5 });
  const w = world({ [ISSUE]: () => ({ ...short(), conversationId: 'c' }), [RENEW]: short });
  const { session } = await readyPage(w);
  await w.clock.advance(60_000);
  assert.equal(w.server.count(ISSUE), 1);
  const renewals = w.server.count(RENEW);
  assert.ok(renewals >= 20 && renewals <= 30, `${renewals} renewals`);
  assert.equal(session.state.name, 'ready');
});

test('the service is away until the token expires: the visitor is told, not left with a dead chat', async () => {
  const w = world({ [RENEW]: () => problem(503, 'direct_line_throttled') });
  const { session } = await readyPage(w);
  w.server.rules[ISSUE] = () => problem(503, 'secret_unavailable');
  await w.clock.advance(0.99 * LIFE);
  assert.equal(session.state.name, 'ready');
  await w.clock.advance(0.05 * LIFE);
  assert.equal(session.state.name, 'away');
});

test('asleep past the expiry: same visitor, a new conversation, without being asked', async () => {
  const w = world();
  const { session } = await readyPage(w);
  await w.clock.sleep(2 * LIFE);
  await settle();
  assert.equal(session.state.name, 'ready');
  assert.deepEqual([session.state.conversationId, session.state.userId, session.state.isRenewed], ['conversation-2', 'dl_u', true]);
});

test('asleep, not past the expiry: the stream is opened anew, because it may be dead', async () => {
  const w = world();
  const { session } = await readyPage(w);
  await w.clock.sleep(0.2 * LIFE);
  await settle();
  assert.equal(session.state.conversationId, 'conversation-1');
  assert.equal(w.lines.length, 2);
});

test('another tab goes to a new conversation: this one follows', async () => {
  const w = world();
  const [one, other] = [await readyPage(w), await readyPage(w)];
  await w.clock.advance(1_000);
  w.server.rules[RENEW] = () => problem(401, 'token_expired');
  one.session.directLine.postActivity({}).subscribe({});
  w.lines[0].connectionStatus$.next(3);
  await w.clock.advance(3_000);
  assert.equal(one.session.state.conversationId, 'conversation-2');
  assert.equal(other.session.state.conversationId, 'conversation-2');
  assert.deepEqual(w.lines.slice(-2).map(({ conversationId }) => conversationId), ['conversation-2', 'conversation-2']);
  assert.equal(w.server.count(ISSUE), 2);
});

test('one WebSocket a conversation: the second tab polls', async () => {
  const w = world();
  await readyPage(w);
  await readyPage(w);
  assert.equal(w.sockets.length, 1);
  assert.equal(w.lines.length, 2);
});

test('directlinejs gives up (FailedToConnect, Ended): opened again', async () => {
  for (const status of [4, 5]) {
    const w = world();
    const { session } = await readyPage(w);
    await w.clock.advance(20_000);
    w.lines[0].connectionStatus$.next(status);
    await w.clock.advance(2_000);
    assert.equal(session.state.name, 'ready');
    assert.equal(w.lines.length, 2);
  }
});

test('stopped: nothing runs on, and what is stored stays for the next page', async () => {
  const w = world();
  const { session } = await readyPage(w);
  session.stop();
  await settle();
  assert.equal(w.clock.pending, 0);
  const calls = w.server.calls.length;
  await w.clock.advance(LIFE);
  assert.equal(w.server.calls.length, calls);
  assert.equal(session.state.name, 'stopped');

  session.addEventListener('change', () => assert.fail('a stopped session speaks'));
  await readyPage(w);
});

test('the session tells who and until when, but never the token', async () => {
  const w = world();
  const { session } = await readyPage(w);
  assert.deepEqual(Object.keys(session.state).sort(), ['code', 'conversationId', 'expiresAt', 'isRenewed', 'name', 'userId']);
});
