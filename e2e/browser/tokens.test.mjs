import assert from 'node:assert/strict';
import { test } from 'node:test';

import { INPUT, answered, newPage, newVisitor, notice, ready, refuse, say, session, useBrowser, visit } from './harness.mjs';

const suite = useBrowser();

const MINUTE = 60_000;

// Shorter than the widget's limit for one call, which the turned clock counts too.
const STEP = 7_000;

/** The sample page with a clock that the test turns. */
async function visitWithClock(t) {
  const page = await newPage(await newVisitor(t, suite));
  const calls = { issued: 0, renewed: 0 };
  page.on('request', (request) => {
    if (request.method() !== 'POST') return;
    if (request.url().includes('/api/GetNewToken')) calls.issued += 1;
    if (request.url().includes('/api/RefreshToken')) calls.renewed += 1;
  });
  await page.clock.install();
  await page.goto(suite.page);
  await ready(page);
  return { page, calls };
}

const lifetime = (page) =>
  page.evaluate(() => {
    const key = Object.keys(localStorage).find((name) => name.endsWith(':grant'));
    const { issuedAt, expiresAt } = JSON.parse(localStorage.getItem(key));
    return expiresAt - issuedAt;
  });

test('the token is renewed well before it expires, in the same conversation', async (t) => {
  const { page, calls } = await visitWithClock(t);
  const earlier = await session(page);
  const life = await lifetime(page);
  for (let passed = 0; passed < 0.44 * life; passed += MINUTE) await page.clock.fastForward(MINUTE);
  assert.equal(calls.renewed, 0);

  const renewed = page.waitForResponse(/RefreshToken/);
  for (let passed = 0; calls.renewed === 0 && passed < 0.12 * life; passed += STEP) await page.clock.fastForward(STEP);
  await renewed;
  assert.deepEqual(calls, { issued: 1, renewed: 1 });
  await say(page, 'with the new token');
  assert.deepEqual(await session(page), earlier);
  assert.deepEqual(page.complaints, []);
});

test('two pages with a token that is due renew it once, and neither uses it any more', async (t) => {
  const context = await newVisitor(t, suite);
  const pages = [await visit(context, suite), await visit(context, suite)];
  const old = await pages[0].evaluate(() => {
    const key = Object.keys(localStorage).find((name) => name.endsWith(':grant'));
    const grant = JSON.parse(localStorage.getItem(key));
    const age = 0.7 * (grant.expiresAt - grant.issuedAt);
    localStorage.setItem(key, JSON.stringify({ ...grant, issuedAt: grant.issuedAt - age, expiresAt: grant.expiresAt - age }));
    return grant.token;
  });
  let renewals = 0;
  context.on('request', (request) => {
    if (request.url().includes('RefreshToken') && request.method() === 'POST') renewals += 1;
  });
  await Promise.all(pages.map((page) => page.reload()));
  await Promise.all(pages.map(ready));
  assert.equal(renewals, 1);
  const tokens = await Promise.all(pages.map(async (page) => {
    const sent = page.waitForRequest((request) => request.method() === 'POST' && /activities/.test(request.url()));
    await page.fill(INPUT, 'once more');
    await page.press(INPUT, 'Enter');
    return (await sent).headers().authorization;
  }));
  // Not always the same one: Direct Line gives each that resumes another.
  for (const token of tokens) assert.ok(token && token !== `Bearer ${old}`);
});

test('the machine slept past the expiry: same visitor, new conversation, and the chat works', async (t) => {
  const { page, calls } = await visitWithClock(t);
  const earlier = await session(page);
  await page.clock.fastForward(3 * (await lifetime(page)));

  await notice(page).filter({ hasText: 'earlier conversation has ended' }).waitFor();
  await ready(page);
  await say(page, 'good morning');
  const now = await session(page);
  assert.equal(now.user, earlier.user);
  assert.notEqual(now.conversation, earlier.conversation);
  assert.equal(calls.issued, 2);
  assert.deepEqual(page.complaints, []);
});

test('a sleep shorter than the token: the same conversation, and what was missed', async (t) => {
  const { page } = await visitWithClock(t);
  const earlier = await session(page);
  const life = await lifetime(page);
  const resumed = page.waitForResponse((response) => response.url().includes(`conversations/${earlier.conversation}`) && response.request().method() === 'GET');
  await page.clock.fastForward(0.8 * life);
  await resumed;
  await ready(page);
  await say(page, 'back from lunch');
  assert.deepEqual(await session(page), earlier);
});

test('Direct Line refuses the token of a message: it is renewed, and the message arrives', async (t) => {
  const page = await visit(await newVisitor(t, suite), suite);
  await refuse(page, '**/activities', { status: 403, code: 'TokenExpired', limit: 1 });
  let sent = 0;
  page.on('request', (request) => (sent += /activities$/.test(request.url()) && request.method() === 'POST' ? 1 : 0));
  const renewed = page.waitForResponse(/RefreshToken/);
  await page.fill(INPUT, 'just in time');
  await page.press(INPUT, 'Enter');
  await renewed;
  await answered(page, 'just in time');
  assert.equal(sent, 2);
});

test('the service is away when the token is due: the chat goes on with the old one', async (t) => {
  const { page, calls } = await visitWithClock(t);
  const fault = await refuse(page, '**/api/RefreshToken**', { status: 503, code: 'direct_line_throttled' });
  const life = await lifetime(page);
  const refused = page.waitForResponse((response) => response.url().includes('RefreshToken') && response.status() === 503);
  for (let passed = 0; passed < 0.6 * life; passed += MINUTE) await page.clock.fastForward(MINUTE);
  await refused;
  assert.equal((await session(page)).state, 'ready');
  await say(page, 'still here');

  const renewed = page.waitForResponse((response) => response.url().includes('RefreshToken') && response.ok());
  await fault.end();
  // Until it asks: the turned clock would end the call as well.
  const before = calls.renewed;
  for (let passed = 0; calls.renewed === before && passed < 3 * MINUTE; passed += STEP) await page.clock.fastForward(STEP);
  await renewed;
});
