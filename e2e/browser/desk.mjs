/**
 * What the browser tests of the service desk share: consultants who sign in, an
 * account of all that their browsers did, and the bus that conversations come by.
 *
 * They need the whole system, whose address is in BASE_URL: MSAL signs in with
 * the stand-in for Entra ID.
 */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { setTimeout as pause } from 'node:timers/promises';

import { newVisitor, screenshot, useBrowser } from './harness.mjs';

/** Who can sign in, and what their names begin with. */
export const PEOPLE = { rita: 'Rita', emil: 'Emil', otto: 'Otto' };

const PATIENCE_MS = 30_000;
// Bodies of queue messages are limited to 256 KiB.
const MAX_MESSAGE = 200_000;

/**
 * The suite of useBrowser, with the address of the service desk. Conversations
 * that were sent are erased in the end: the next file may want to be alone.
 *
 * @param {() => Promise<void>} prepare
 */
export function useDesk(prepare) {
  return useBrowser(async (suite) => {
    assert.ok(process.env.BASE_URL, 'BASE_URL is not set; scripts/with-local.sh sets it');
    suite.desk = `${suite.url}/api/site/desk/`;
    suite.sessions = new Map();
    suite.visitors = new Set();
    await prepare();
    return () => eraseVisitors(suite);
  });
}

async function eraseVisitors(suite) {
  const { page, context } = await newSignedIn(untilTheEnd, suite, 'emil');
  const { AccessToken: token } = await tokensOf(page);
  await context.close();
  for (const id of suite.visitors) {
    const { status } = await ask(suite, `assistants/demo/users?userId=${encodeURIComponent(id)}`, { method: 'DELETE', token });
    assert.equal(status, 204, id);
  }
}

/** In place of a test, for browsers that are closed when all tests are done. */
export const untilTheEnd = { after() {} };

/** Asks until the answer is as wanted. */
export async function eventually(ask, wanted, what) {
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    const answer = await ask();
    if (wanted(answer)) return answer;
    assert.ok(Date.now() < end, `not in time: ${what}; last: ${JSON.stringify(answer)}`);
    await pause(50);
  }
}

/** Sends activities as a bot does, and waits until they are stored. */
export async function send(suite, ...conversations) {
  const visitors = conversations.map((activities) => activities.findLast(({ from }) => from.role === 'user')?.from.id);
  for (const id of visitors.filter(Boolean)) suite.visitors.add(id);
  for (const message of messagesOf(conversations.flat())) {
    const answer = await fetch(`${suite.url}/local/bus/conversation-activities/messages`, {
      method: 'POST',
      headers: { assistant: '"demo"' },
      body: message
    });
    assert.equal(answer.status, 201, await answer.text());
  }
  const wanted = conversations.flatMap((activities) => activities.filter(isStored)).length;
  const ids = new Set(conversations.flat().map((activity) => activity.conversation.id));
  await eventually(
    async () => (await stored(suite)).filter((one) => ids.has(one.conversationId)).flatMap((one) => one.activities).length,
    (count) => count === wanted,
    `${wanted} activities are stored`
  );
}

/** Whether the type of an activity is not one of those that are skipped. */
export const isStored = ({ type }) => type !== 'typing' && type !== 'trace';

function messagesOf(activities) {
  const messages = [[]];
  let size = 0;
  for (const activity of activities) {
    const text = JSON.stringify(activity);
    const bytes = Buffer.byteLength(text) + 1;
    if (size + bytes > MAX_MESSAGE) {
      messages.push([]);
      size = 0;
    }
    messages.at(-1).push(text);
    size += bytes;
  }
  return messages.map((texts) => `[${texts.join()}]`);
}

/** @returns {Promise<{ conversationId: string, activities: object[] }[]>} everything that is stored */
export async function stored(suite) {
  const answer = await fetch(`${suite.url}/local/transcripts`);
  return answer.json();
}

/** Whether a conversation is stored. */
export const isKept = async (suite, id) => (await stored(suite)).some((one) => one.conversationId === id);

/**
 * A consultant's browser: a profile of its own, with a page and the account of
 * all its pages. The clock is Berlin's.
 */
export async function newConsultant(t, suite, options = {}) {
  const context = await newVisitor(t, suite, { timezoneId: 'Europe/Berlin', locale: 'en-GB', ...options });
  const account = keepAccount(context);
  const page = await context.newPage();
  return { context, page, account };
}

function keepAccount(context) {
  const account = { requests: [], addresses: [], complaints: [], dialogs: [] };
  context.on('request', (request) => account.requests.push(request));
  context.on('page', (page) => page.on('framenavigated', (frame) => account.addresses.push(frame.url())));
  context.on('weberror', (error) => account.complaints.push(`error: ${error.error().message}`));
  context.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) account.complaints.push(`${message.type()}: ${message.text()} ${message.location().url}`);
  });
  context.on('dialog', (dialog) => {
    account.dialogs.push(dialog.message());
    return dialog.dismiss();
  });
  return account;
}

/**
 * A consultant who is signed in, at an address within the page. By hand the first
 * time; later ones get a copy of what MSAL has left in the tab's storage then.
 */
export async function newSignedIn(t, suite, name, { path = '', ...options } = {}) {
  const consultant = await newConsultant(t, suite, options);
  const { page } = consultant;
  const session = suite.sessions.get(name);
  if (session) await plant(page, suite, session);
  await page.goto(suite.desk + path);
  if (session) await settled(page);
  else {
    await signIn(page, name);
    suite.sessions.set(name, Object.entries(await page.evaluate(() => ({ ...sessionStorage }))));
  }
  return consultant;
}

// By an empty page of the same origin: the tab's storage is there before the desk is.
async function plant(page, suite, session) {
  const empty = `${suite.desk}empty`;
  await page.route(empty, (route) => route.fulfill({ contentType: 'text/html', body: '<link rel="icon" href="data:,">' }));
  await page.goto(empty);
  await page.evaluate((entries) => entries.forEach(([key, value]) => sessionStorage.setItem(key, value)), session);
  await page.unroute(empty);
}

/** From the start of the page to the desk, or to the screen that stands for it. */
export async function signIn(page, name) {
  await page.getByRole('button', { name: 'Sign in' }).click();
  await pick(page, name);
}

/** Picks somebody at the sign-in page. */
export async function pick(page, name) {
  await page.getByRole('button', { name: PEOPLE[name] }).click();
  await settled(page);
}

/** Waits for the desk, or for a screen on which nothing is under way. */
export const settled = (page) => page.locator('body:is([data-view="list"], [data-view="conversation"], [data-view="audit"]), #screen[aria-busy="false"]').first().waitFor();

/** What MSAL has in the tab's storage, by the kind of token. */
export const tokensOf = (page) =>
  page.evaluate(() => {
    const tokens = {};
    for (const value of Object.values({ ...sessionStorage })) {
      if (!value.startsWith('{')) continue;
      const { credentialType, secret } = JSON.parse(value);
      if (secret) tokens[credentialType] = secret;
    }
    return tokens;
  });

/** Asks the API by hand. */
export async function ask(suite, path, { method = 'GET', token } = {}) {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  const answer = await fetch(`${suite.api}/desk/${path}`, { method, headers });
  const text = await answer.text();
  return { status: answer.status, headers: answer.headers, body: text ? JSON.parse(text) : undefined };
}

/** The conversations in the list whose entry has the text. */
export const listed = (page, hasText) => page.locator('#list a[data-key]').filter(hasText ? { hasText } : {});

/** Waits until the list has these visitors, in this order. */
export async function lists(page, names) {
  const shown = () => page.locator('#list a[data-key] .who').allTextContents();
  await eventually(shown, (texts) => texts.length === names.length && texts.every((text, at) => text === names[at]), `the list has ${names.join(', ')}`);
}

/**
 * Opens the conversation whose entry in the list has the text, and waits for its
 * end: first until it is the one that is open, since the end of the one before may
 * still be there after the click. On a phone the list is hidden by then.
 */
export async function open(page, text) {
  const entry = listed(page, text);
  await entry.click();
  await entry.and(page.locator('[aria-current]')).waitFor({ state: 'attached' });
  await ended(page);
}

export const ended = (page) => page.getByText('End of the conversation').waitFor();

/** What was said: each message, or line about what happened in between. */
export const entries = (page, hasText) => page.locator('#conversation .entry').filter(hasText ? { hasText } : {});

/** Opens all that opens in a conversation, and what is in there, and so on. */
export async function openAll(page) {
  const open = () => {
    const closed = document.querySelectorAll('#conversation details:not([open]) > summary, #conversation .raw[aria-expanded="false"], #conversation .more-text');
    for (const element of closed) element.click();
    return closed.length;
  };
  await eventually(() => page.evaluate(open), (count) => count === 0, 'everything is open');
}

/** Requests to any other host than the system's own. */
export const foreignRequests = (suite, { requests }) =>
  requests.map((request) => request.url()).filter((url) => /^(https?|wss?):/.test(url) && new URL(url).host !== new URL(suite.url).host);

/** Asserts that nothing went wrong in a browser, and that it spoke to nobody else. */
export function assertClean(suite, account, expected = []) {
  const complaints = account.complaints.filter((complaint) => !expected.some((pattern) => pattern.test(complaint)));
  assert.deepEqual(complaints, []);
  assert.deepEqual(account.dialogs, []);
  assert.deepEqual(foreignRequests(suite, account), []);
}

const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

/**
 * Asserts that axe finds nothing amiss in what is shown, in the light and in the
 * dark, and takes a picture of both.
 */
export async function inspect(page, name) {
  await page.evaluate(await readFile(AXE, 'utf8'));
  await look(page, name, 'light', { type: 'tag', values: RULES });
  // All else is the same in the dark.
  await look(page, `${name}-dark`, 'dark', { type: 'rule', values: ['color-contrast'] });
  await page.emulateMedia({ colorScheme: 'light' });
}

async function look(page, name, colorScheme, runOnly) {
  await page.emulateMedia({ colorScheme });
  await screenshot(page, name);
  const found = await page.evaluate(async (options) => {
    const { violations } = await window.axe.run(document, options);
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => `${node.target} ${node.failureSummary}`).join('; ')}`);
  }, { runOnly, resultTypes: ['violations'] });
  assert.deepEqual(found, [], name);
}
