import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  INPUT, answered, bubble, holdSockets, newPage, newVisitor, notice, ready, refuse, say, screenshot, session, useBrowser, visit
} from './harness.mjs';

const suite = useBrowser();

const retry = (page) => page.getByRole('button', { name: 'Try again' });
const shows = (page, text) => notice(page).filter({ hasText: text }).waitFor();

test('the service is away at first: a readable state, and Try again works', async (t) => {
  const page = await newPage(await newVisitor(t, suite));
  const fault = await refuse(page, '**/api/GetNewToken**', { status: 503, code: 'secret_unavailable', headers: { 'Retry-After': '120' } });
  await page.goto(suite.page);
  await shows(page, 'cannot be reached right now');
  await screenshot(page, 'away');

  await fault.end();
  await retry(page).click();
  await ready(page);
  await say(page, 'here again');
});

test('Retry-After is honoured: no second call before it is over', async (t) => {
  const page = await newPage(await newVisitor(t, suite));
  await page.clock.install();
  const fault = await refuse(page, '**/api/GetNewToken**', { status: 429, code: 'rate_limited', headers: { 'Retry-After': '40' } });
  await page.goto(suite.page);
  await shows(page, 'cannot be reached right now');

  await page.clock.runFor(39_000);
  await page.evaluate(() => window.dispatchEvent(new Event('focus')));
  assert.equal(fault.calls.length, 1);
  await fault.end();
  await page.clock.runFor(10_000);
  await ready(page);
});

test('the service comes back: the chat notices by itself', async (t) => {
  const page = await newPage(await newVisitor(t, suite));
  await page.route('**/api/GetNewToken**', (route) => route.abort());
  await page.goto(suite.page);
  await shows(page, 'cannot be reached right now');
  await page.unroute('**/api/GetNewToken**');
  await ready(page);
});

test('a page that may not chat is told so, and does not keep asking', async (t) => {
  const page = await newPage(await newVisitor(t, suite));
  await page.clock.install();
  const fault = await refuse(page, '**/api/GetNewToken**', { status: 403, code: 'origin_not_allowed' });
  await page.goto(suite.page);
  await shows(page, 'not available on this page');
  await page.getByText('origin_not_allowed', { exact: true }).waitFor();
  await page.clock.runFor(300_000);
  assert.equal(fault.calls.length, 1);
  await screenshot(page, 'refused');
});

test('the stream breaks: it is opened again where it left off, nothing shown twice', async (t) => {
  const page = await newPage(await newVisitor(t, suite));
  const sockets = await holdSockets(page);
  const resumed = [];
  page.on('request', (request) => {
    const url = new URL(request.url());
    if (/conversations\/[^/]+$/.test(url.pathname) && request.method() === 'GET') resumed.push(url.searchParams.get('watermark'));
  });
  await page.goto(suite.page);
  await ready(page);
  await say(page, 'before the break');

  const resumes = page.waitForRequest(/conversations\/[^/]+\?watermark=/);
  await sockets.cut();
  await resumes;
  await say(page, 'after the break');
  assert.equal(await bubble(page, 'You said: before the break').count(), 1);
  assert.equal(sockets.opened, 2);
  assert.ok(Number(resumed.at(-1)) > 0, `resumed with ${resumed}`);
  assert.deepEqual(page.complaints, []);
});

test('what is typed while the connection is gone is sent when it is back', async (t) => {
  const page = await newPage(await newVisitor(t, suite));
  const sockets = await holdSockets(page);
  await page.goto(suite.page);
  await ready(page);
  const fault = await refuse(page, /conversations\/[^/]+(\?.*)?$/, { status: 503, code: 'ServiceUnavailable' });

  await sockets.cut();
  await shows(page, 'Reconnecting');
  await screenshot(page, 'reconnecting');
  await page.fill(INPUT, 'typed in between');
  await page.press(INPUT, 'Enter');
  await fault.end();
  await answered(page, 'typed in between');
  assert.equal(await bubble(page, 'typed in between').count(), 1);
});

test('a network without WebSocket: the chat polls', async (t) => {
  const page = await newPage(await newVisitor(t, suite));
  const sockets = await holdSockets(page);
  sockets.refuse = true;
  await page.goto(suite.page);
  await ready(page);
  await say(page, 'without a socket');
});

test('the browser is offline: it says so, and goes on when it is back', async (t) => {
  const context = await newVisitor(t, suite);
  const page = await visit(context, suite);
  await context.setOffline(true);
  await shows(page, 'You are offline');
  await screenshot(page, 'offline');
  await context.setOffline(false);
  await ready(page);
  await say(page, 'online again');
});

test('the conversation is gone at a reload: a new one for the same visitor, said in one line', async (t) => {
  const page = await visit(await newVisitor(t, suite), suite);
  const earlier = await session(page);
  const gone = new RegExp(`conversations/${earlier.conversation}`);
  await refuse(page, gone, { status: 404, code: 'ConversationNotFound' });

  await page.reload();
  await ready(page);
  const now = await session(page);
  assert.equal(now.user, earlier.user);
  assert.notEqual(now.conversation, earlier.conversation);
  await shows(page, 'earlier conversation has ended');
  await screenshot(page, 'renewed');

  await page.getByRole('button', { name: 'Got it' }).click();
  await page.locator('chatgate-chat .notice.quiet').waitFor({ state: 'attached' });
  await say(page, 'in the new one');
});

test('the conversation goes while it is open: the next message is in a new one', async (t) => {
  const page = await newPage(await newVisitor(t, suite));
  const sockets = await holdSockets(page);
  await page.goto(suite.page);
  await ready(page);
  const earlier = await session(page);
  await refuse(page, new RegExp(`conversations/${earlier.conversation}`), { status: 404, code: 'ConversationNotFound' });

  await sockets.cut();
  await shows(page, 'earlier conversation has ended');
  await say(page, 'and on it goes');
  assert.equal((await session(page)).user, earlier.user);
});

test('a Web Chat that is not the pinned file is not run', async (t) => {
  const page = await newPage(await newVisitor(t, suite));
  let isTampered = true;
  await page.route('**/local/webchat.js*', async (route) => {
    const response = await route.fetch();
    const extra = isTampered ? '\nwindow.tampered = true;' : '';
    return route.fulfill({ response, body: (await response.text()) + extra });
  });
  await page.goto(suite.page);
  await shows(page, 'cannot be reached right now');
  assert.equal(await page.evaluate(() => window.tampered), undefined);

  isTampered = false;
  await retry(page).click();
  await ready(page);
});
