import assert from 'node:assert/strict';
import { test } from 'node:test';

import { answered, bubble, newVisitor, ready, say, screenshot, session, useBrowser, visit } from './harness.mjs';

const suite = useBrowser();

test('a visitor chats with the bot', async (t) => {
  const page = await visit(await newVisitor(t, suite), suite);
  await say(page, 'hello');

  const { user } = await session(page);
  assert.match(user, /^dl_/);
  assert.deepEqual(page.complaints, []);
  await screenshot(page, 'chat');
});

test('a reload resumes the same conversation as the same visitor, nothing shown twice', async (t) => {
  const page = await visit(await newVisitor(t, suite), suite);
  await say(page, 'before the reload');
  const earlier = await session(page);

  await page.reload();
  await ready(page);
  await answered(page, 'before the reload');
  assert.deepEqual(await session(page), earlier);
  assert.equal(await bubble(page, 'You said: before the reload').count(), 1);

  await say(page, 'after the reload');
  assert.deepEqual(page.complaints, []);
});

test('a second page is the same visitor in the same conversation; both stay live', async (t) => {
  const context = await newVisitor(t, suite);
  const first = await visit(context, suite);
  await say(first, 'on the first page');
  const second = await visit(context, suite);

  await answered(second, 'on the first page');
  assert.deepEqual(await session(second), await session(first));

  await say(second, 'on the second page');
  await answered(first, 'on the second page');
  await say(first, 'on the first again');
  await answered(second, 'on the first again');
  assert.deepEqual([...first.complaints, ...second.complaints], []);
});

test('two pages share one WebSocket: a second one would close the first', async (t) => {
  const context = await newVisitor(t, suite);
  const opened = [];
  context.on('page', (page) => page.on('websocket', (socket) => opened.push(socket)));
  const first = await visit(context, suite);
  const second = await visit(context, suite);
  await say(second, 'over polling');
  await answered(first, 'over polling');

  assert.equal(opened.length, 1);
  assert.equal(opened[0].isClosed(), false);
});

test('another visitor is another user in another conversation', async (t) => {
  const one = await session(await visit(await newVisitor(t, suite), suite));
  const other = await session(await visit(await newVisitor(t, suite), suite));
  assert.notEqual(one.user, other.user);
  assert.notEqual(one.conversation, other.conversation);
});
