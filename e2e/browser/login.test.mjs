import assert from 'node:assert/strict';
import { test } from 'node:test';

import { bubble, newVisitor, screenshot, session, useBrowser, visit } from './harness.mjs';
import {
  Watch, codeOn, filesBelow, handler, killHandler, newVisitorOf, nothingSecret, openCustomClient, openedBy, pickUpPhone, said,
  shownCode, signInAs, startSystem, type
} from './login.mjs';

const suite = useBrowser();

const WHOLE = process.env.BASE_URL ? false : 'the small server has no login: make test, or scripts/with-local.sh';
const OWN = process.env.LOCAL_PID ? false : 'the process is not known: scripts/with-local.sh tells it';

const LOGGED_IN = 'You are logged in. Ask for your balance.';
const ADA = 'Your balance is EUR 9984.56.';
const BO = 'Your balance is EUR 42.00.';
const NOT_YET = /^I may not see your balance unless you log in/;

const conversations = [];

/** Opens the chat in a browser that is watched. */
async function watched(t, kind = 'blocking', system = suite) {
  const watch = new Watch();
  const page = await visit(watch.follow(await newVisitorOf[kind](t, suite)), system);
  if (system === suite) conversations.push((await session(page)).conversation);
  return { page, watch };
}

async function ask(page, text, answer) {
  await type(page, text);
  await said(page, answer).last().waitFor();
}

test('a user logs in by phone, sees a balance, and logs out', { skip: WHOLE }, async (t) => {
  const { page, watch } = await watched(t);
  await ask(page, 'balance', NOT_YET);
  await type(page, 'log in');
  const code = await shownCode(page);
  assert.match(code, /^[A-Z0-9]{3,4}-[A-Z0-9]{3,4}$/);
  await screenshot(page, 'login-code');

  const phone = await pickUpPhone(page, suite.url, code);
  assert.equal(await phone.who(), 'Ada Vermeer');
  await screenshot(phone.page, 'login-phone');
  await phone.decide('Accept');
  await bubble(page, LOGGED_IN).waitFor();
  await ask(page, 'balance', ADA);
  await screenshot(page, 'login-balance');

  await ask(page, 'log out', 'You are logged out.');
  await type(page, 'balance');
  await said(page, NOT_YET).nth(1).waitFor();
  assert.equal(await bubble(page, ADA).count(), 1);
  assert.deepEqual(page.complaints, []);
  await watch.check([code, LOGGED_IN, ADA]);
});

test('a user who declines is told so, and is not asked again at once', { skip: WHOLE }, async (t) => {
  const { page, watch } = await watched(t);
  await type(page, 'log in as bo');
  const phone = await pickUpPhone(page, suite.url, await shownCode(page));
  await phone.decide('Deny');
  const declined = 'You declined, so you are not logged in.';
  await bubble(page, declined).waitFor();

  await ask(page, 'log in', /^You have just declined\. Ask again in [1-6]?\d seconds\.$/);
  await ask(page, 'balance', NOT_YET);
  assert.equal(await phone.page.locator('section.prompt').count(), 0);
  await screenshot(page, 'login-declined');
  assert.deepEqual(page.complaints, []);

  // Nor is the same person asked from another conversation.
  const other = await watched(t);
  await ask(other.page, 'log in as bo', /^You have just declined/);
  await watch.check([declined]);
  await other.watch.check(['You have just declined']);
});

test('a login that nobody answers ends by itself', { skip: WHOLE || OWN }, async (t) => {
  const url = await startSystem(t, '-login-life', '4s');
  const { page, watch } = await watched(t, 'blocking', { page: `${url}/api/site/chat/` });
  await type(page, 'log in');
  const code = await shownCode(page);
  await bubble(page, 'Nobody answered in time, so you are not logged in. Say log in to try again.').waitFor();
  const phone = await page.context().newPage();
  await phone.goto(`${url}/local/phone`);
  await phone.getByText('Nothing waits for you').waitFor();
  await screenshot(page, 'login-expired');

  // It stands in nobody's way.
  await type(page, 'log in');
  await said(page, /^I asked your phone/).nth(1).waitFor();
  const next = await shownCode(page);
  assert.notEqual(next, code);
  await watch.check([code, next]);
});

test('a login survives the loss of the handler', { skip: WHOLE || OWN }, async (t) => {
  const { page, watch } = await watched(t);
  await type(page, 'log in');
  const code = await shownCode(page);
  const killed = killHandler();
  const phone = await pickUpPhone(page, suite.url, code);
  await phone.decide('Accept');
  await bubble(page, LOGGED_IN).waitFor();
  assert.notEqual(handler(), killed);
  await ask(page, 'balance', ADA);
  await watch.check([code, ADA]);
});

test('where third-party cookies are blocked, the code of the sign-in page is typed into the chat', { skip: WHOLE }, async (t) => {
  const { page, watch } = await watched(t);
  await type(page, 'sign in');
  const opened = await openedBy(page, page.getByRole('button', { name: 'Sign in' }).last());
  await screenshot(page, 'login-card');
  await signInAs(opened, 'Bo');
  const code = await codeOn(opened).innerText();
  assert.match(code, /^\d{6}$/);
  await screenshot(opened, 'login-sign-in-code');
  assert.equal(await bubble(page, LOGGED_IN).count(), 0);

  await type(page, code === '000000' ? '000001' : '000000');
  await said(page, /^That is not the code/).waitFor();
  await type(page, code);
  await bubble(page, LOGGED_IN).waitFor();
  await ask(page, 'balance', BO);
  await watch.check([code, BO]);
});

test('the browser session that began a sign-in needs no code; any other does', { skip: WHOLE }, async (t) => {
  const { page, watch } = await watched(t, 'trusting');
  const button = page.getByRole('button', { name: 'Sign in' }).last();
  await type(page, 'sign in');
  const opened = await openedBy(page, button);
  await signInAs(opened, 'Ada');
  await opened.getByText('You are now signed in and can close this window.').waitFor();
  assert.equal(await codeOn(opened).count(), 0);
  await screenshot(opened, 'login-sign-in-done');
  await bubble(page, LOGGED_IN).waitFor();
  await ask(page, 'balance', ADA);
  await ask(page, 'log out', 'You are logged out.');

  // The link, with this session's id in it, reaches somebody else.
  await type(page, 'sign in');
  await page.getByRole('button', { name: 'Sign in' }).nth(1).waitFor();
  const link = (await openedBy(page, button)).url();
  assert.match(decodeURIComponent(link), /code_challenge=[\w-]{10,}/);
  const victim = await watch.follow(await newVisitor(t, suite)).newPage();
  await victim.goto(link);
  await signInAs(victim, 'Bo');
  assert.match(await codeOn(victim).innerText(), /^\d{6}$/);
  await ask(page, 'balance', NOT_YET);
  assert.equal(await bubble(page, LOGGED_IN).count(), 1);
  await watch.check([ADA]);
});

for (const [kind, withCode] of Object.entries({ blocking: true, trusting: false })) {
  test(`a client of one's own signs in ${withCode ? 'with a code where third-party cookies are blocked' : 'without a code'}`, { skip: WHOLE }, async (t) => {
    const watch = new Watch();
    const client = await openCustomClient(watch.follow(await newVisitorOf[kind](t, suite)), suite);
    await client.say('sign in');
    const opened = await openedBy(client.page, client.signIn);
    await signInAs(opened, 'Ada');
    if (withCode) await client.say(await codeOn(opened).innerText());
    else await opened.getByText('You are now signed in and can close this window.').waitFor();
    await client.said(LOGGED_IN).waitFor();
    await client.say('balance');
    await client.said(ADA).waitFor();
    await watch.check([ADA]);
  });
}

test("users' tokens are in no transcript, file or log", { skip: WHOLE }, async () => {
  const stored = async () => (await fetch(`${suite.url}/local/transcripts`)).text();
  const until = Date.now() + 15_000;
  let transcripts = await stored();
  while (!conversations.every((id) => transcripts.includes(id)) && Date.now() < until) transcripts = await stored();
  for (const id of conversations) assert.ok(transcripts.includes(id), `${id} is not stored`);
  assert.ok(transcripts.includes(LOGGED_IN));
  nothingSecret('/local/transcripts', transcripts);

  if (!process.env.LOCAL_DATA) return;
  const files = {};
  for await (const [path, text] of filesBelow(process.env.LOCAL_DATA)) {
    files[path.slice(process.env.LOCAL_DATA.length)] = text;
    nothingSecret(path, text);
  }
  assert.ok(files['/log'].includes('Ctrl-C'));
  assert.ok(files['/local/conversations.db'].includes(LOGGED_IN), 'the search would not find what is stored');
});
