/**
 * What the service desk shows while there is nothing to show: before, in between,
 * and when something is wrong. Each state is looked at by axe as well, in the
 * light and in the dark.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { cards, talk, unique } from './desk-conversations.mjs';
import { assertClean, ended, entries, eventually, inspect, listed, newConsultant, newSignedIn, open, pick, send, settled, tokensOf, untilTheEnd, useDesk } from './desk.mjs';
import { refuse } from './harness.mjs';

const ids = { cards: unique('cards'), long: unique('long'), many: unique('many') };
const CONVERSATIONS = '**/assistants/demo/conversations?*';
const ONE_CONVERSATION = '**/assistants/demo/conversations/*';
const AWAY = { status: 503, code: 'store_unavailable', detail: 'The conversations cannot be reached. Try again in a moment.' };
// A request that fails is written to the console by the browser itself.
const FAILED = /Failed to load resource/;

let rita;

const suite = useDesk(prepare);

async function prepare() {
  await send(
    suite,
    cards(ids.cards, '2100-06-02T09:00:00Z'),
    talk({ id: ids.long, at: '2100-06-01T09:00:00Z', visitor: { name: 'Lena Long' } }, ...Array.from({ length: 120 }, (_, n) => [n % 2 ? 'bot' : 'visitor', `Line ${n}.`])),
    ...Array.from({ length: 55 }, (_, n) => talk({ id: `${ids.many}-${n}`, at: Date.UTC(2099, 0, 1, 12, n), visitor: { id: `dl_${ids.many}`, name: `Many ${n}` } }, ['visitor', `number ${n}`]))
  );
  rita = await newSignedIn(untilTheEnd, suite, 'rita');
}

/** Rita's page, once the page has been loaded anew under the faults. */
async function reloaded(t, ...faults) {
  const { page } = rita;
  t.after(() => page.unrouteAll({ behavior: 'ignoreErrors' }));
  await page.goto(suite.desk);
  await settled(page);
  for (const fault of faults) await fault(page);
  await page.reload();
  return page;
}

const heading = (page, name) => page.getByRole('heading', { name });
const answering = (pattern, body) => (page) => page.route(pattern, (route) => route.fulfill({ json: body }));
const refusing = (pattern, problem) => (page) => refuse(page, pattern, problem);

/** Holds requests until the returned function is called. */
async function hold(page, pattern) {
  let release;
  const released = new Promise((resolve) => (release = resolve));
  await page.route(pattern, async (route) => {
    await released;
    await route.continue();
  });
  return release;
}

test('not set up', async (t) => {
  const page = await reloaded(t, refusing('**/api/desk/config', { status: 404, code: 'not_found' }));
  await heading(page, 'The service desk is not set up').waitFor();
  await inspect(page, 'desk-not-set-up');
});

test('away at the start: says so, and opens when tried again', async (t) => {
  const page = await reloaded(t, refusing('**/api/desk/config', AWAY));
  await heading(page, 'The service desk cannot be reached').waitFor();
  await page.getByText(AWAY.detail).waitFor();
  await inspect(page, 'desk-away');
  await page.unrouteAll();
  await page.getByRole('button', { name: 'Try again' }).click();
  await listed(page).first().waitFor();
});

test('without a connection', async (t) => {
  const page = await reloaded(t, (it) => it.route('**/api/desk/config', (route) => route.abort()));
  await page.getByText('There was no answer. Check your connection').waitFor();
  await inspect(page, 'desk-offline');
});

test('without its library for signing in', async (t) => {
  const page = await reloaded(t, (it) => it.route('**/msal-browser.min.js', (route) => route.fulfill({ status: 404 })));
  await heading(page, 'The sign-in library is missing').waitFor();
  await inspect(page, 'desk-no-library');
});

test('nobody is signed in, and the sign-in page is left without picking an account', async (t) => {
  const { page, account } = await newConsultant(t, suite);
  await page.goto(suite.desk);
  await heading(page, 'Sign in to read conversations').waitFor();
  await inspect(page, 'desk-signed-out');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('button', { name: 'Emil' }).waitFor();
  await inspect(page, 'desk-sign-in');
  await page.getByRole('button', { name: 'Cancel' }).click();
  await page.getByText('You cancelled signing in.').waitFor();
  await heading(page, 'Sign in to read conversations').waitFor();
  assert.doesNotMatch(await page.locator('body').textContent(), /AADSTS|access_denied/);
  await inspect(page, 'desk-sign-in-cancelled');
  await page.reload();
  await heading(page, 'Sign in to read conversations').waitFor();
  assert.equal(await page.getByText('You cancelled signing in.').count(), 0);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('button', { name: 'Emil' }).waitFor();
  assertClean(suite, account);
});

test('the sign-in page refuses: its words are shown, and signing in can be tried again', async (t) => {
  const { page, account } = await newConsultant(t, suite);
  await page.route('**/oauth2/v2.0/authorize*', (route) => {
    const asked = new URL(route.request().url()).searchParams;
    const answer = new URLSearchParams({ error: 'access_denied', error_description: 'AADSTS50105: Not assigned to a role.', state: asked.get('state') });
    return route.fulfill({ status: 302, headers: { location: `${asked.get('redirect_uri')}#${answer}` } });
  });
  await page.goto(suite.desk);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await heading(page, 'Signing in did not work').waitFor();
  await page.getByText('AADSTS50105').waitFor();
  await inspect(page, 'desk-sign-in-failed');
  await page.getByRole('button', { name: 'Try again' }).click();
  await heading(page, 'Sign in to read conversations').waitFor();
  assertClean(suite, account);
});

test('the list is loading', async (t) => {
  const page = await reloaded(t);
  await listed(page).first().waitFor();
  const release = await hold(page, CONVERSATIONS);
  await page.reload();
  await page.getByText('Loading conversations…').waitFor();
  await inspect(page, 'desk-list-loading');
  release();
  await listed(page).first().waitFor();
});

test('a conversation is loading', async (t) => {
  const page = await reloaded(t);
  const release = await hold(page, ONE_CONVERSATION);
  await listed(page, 'Carla Cards').click();
  await page.getByText('Loading the conversation…').waitFor();
  await inspect(page, 'desk-conversation-loading');
  release();
  await ended(page);
});

test('the list cannot be had: says why, and is there when tried again', async (t) => {
  const page = await reloaded(t, refusing(CONVERSATIONS, AWAY));
  await page.getByRole('alert').getByText(AWAY.detail).waitFor();
  await inspect(page, 'desk-list-failed');
  await page.unrouteAll();
  await page.getByRole('alert').getByRole('button', { name: 'Try again' }).click();
  await listed(page, 'Carla Cards').waitFor();
});

test('the next page cannot be had: what is there stays, and the rest comes when tried again', async (t) => {
  const page = await reloaded(t);
  await listed(page).first().waitFor();
  const shown = await listed(page).count();
  const fault = await refuse(page, CONVERSATIONS, AWAY);
  await page.locator('#list').getByRole('button', { name: 'Load more' }).click();
  await page.getByRole('alert').getByText(AWAY.detail).waitFor();
  assert.equal(await listed(page).count(), shown);
  await fault.end();
  await page.getByRole('alert').getByRole('button', { name: 'Try again' }).click();
  await listed(page, 'number 0').waitFor();
});

test('a conversation cannot be had, at its beginning or further on', async (t) => {
  const page = await reloaded(t);
  const fault = await refuse(page, ONE_CONVERSATION, AWAY);
  await listed(page, 'Lena Long').click();
  await page.getByRole('alert').getByText(AWAY.detail).waitFor();
  await inspect(page, 'desk-conversation-failed');
  await fault.end();
  const later = await refuse(page, '**/conversations/*cursor=*', AWAY);
  await page.getByRole('alert').getByRole('button', { name: 'Try again' }).click();
  await entries(page, 'Line 99.').scrollIntoViewIfNeeded();
  await page.getByRole('alert').getByText(AWAY.detail).waitFor();
  assert.equal(await entries(page).count(), 100);
  await later.end();
  await page.getByRole('alert').getByRole('button', { name: 'Try again' }).click();
  await entries(page, 'Line 119.').waitFor();
  assert.equal(await entries(page).count(), 120);
});

test('an export that cannot be had says so', async (t) => {
  const page = await reloaded(t);
  await open(page, 'Carla Cards');
  await refuse(page, '**/conversations/*format=transcript*', AWAY);
  await page.getByRole('button', { name: 'Export' }).click();
  await page.getByText(`The export failed. ${AWAY.detail}`).waitFor();
  assert.equal(await page.getByRole('button', { name: 'Export' }).isEnabled(), true);
});

test('no conversations yet', async (t) => {
  const page = await reloaded(t, answering(CONVERSATIONS, { items: [] }));
  await page.getByText('No conversations yet').waitFor();
  await inspect(page, 'desk-empty');
});

test('the first day is after the last: nothing is asked for until one is changed', async (t) => {
  const page = await reloaded(t);
  await listed(page).first().waitFor();
  await page.getByLabel('To').fill('2100-06-01');
  await listed(page, 'Carla Cards').waitFor({ state: 'detached' });
  await listed(page, 'Lena Long').waitFor();
  const before = rita.account.requests.length;
  await page.getByLabel('From').fill('2100-06-02');
  await page.getByText('The first day is after the last').waitFor();
  await page.getByText('Change one of the two.').waitFor();
  assert.equal(await listed(page).count(), 0);
  await inspect(page, 'desk-days-reversed');
  assert.equal(rita.account.requests.length, before);
  await page.getByLabel('To').fill('2100-06-02');
  await listed(page, 'Carla Cards').waitFor();
});

test('nothing found', async (t) => {
  const page = await reloaded(t);
  await page.getByRole('searchbox').fill('no such words');
  await page.getByText('Nothing found').waitFor();
  await page.getByText('What was said before it is not searched.').waitFor();
  await inspect(page, 'desk-nothing-found');
});

test('no assistants of this organization', async (t) => {
  const page = await reloaded(t, answering('**/api/desk/assistants', { items: [], roles: ['Desk.Read'] }));
  await heading(page, 'There is nothing to read for your organization').waitFor();
  await inspect(page, 'desk-no-assistants');
});

test('the role is missing', async (t) => {
  const page = await reloaded(t, refusing('**/api/desk/assistants', { status: 403, code: 'role_missing', detail: 'Your account lacks the role Desk.Read.' }));
  await heading(page, 'Your account may not read conversations').waitFor();
  await page.getByText('lacks the role Desk.Read').waitFor();
  await inspect(page, 'desk-role-missing');
  await page.unrouteAll();
  // Somebody else can sign in then.
  await page.getByRole('button', { name: 'Use another account' }).click();
  await pick(page, 'emil');
  await page.getByRole('link', { name: 'Audit trail' }).waitFor();
});

/** A tab of its own, with a conversation open and the moments at which it went to sign in. */
async function newReader(t) {
  const { page, account } = await newSignedIn(t, suite, 'rita');
  await open(page, 'Carla Cards');
  const trips = () => account.requests.filter((request) => request.isNavigationRequest() && request.url().includes('/authorize')).length;
  return { page, account, trips };
}

const EXPIRED = { status: 401, json: { code: 'token_expired' } };
const REVOKED = { status: 400, json: { error: 'invalid_grant', error_description: 'AADSTS50173: The grant has been revoked.', error_codes: [50173] } };

/** Ends the session: neither the API nor Entra ID takes the tokens, while isOver holds. */
async function end(page, isOver) {
  const isRenewal = (request) => new URLSearchParams(request.postData()).get('grant_type') === 'refresh_token';
  await page.route('**/oauth2/v2.0/token*', (route) => (isOver() && isRenewal(route.request()) ? route.fulfill(REVOKED) : route.continue()));
  await page.route('**/api/desk/assistants/**', (route) => (isOver() ? route.fulfill(EXPIRED) : route.continue()));
}

test('a token that is no longer taken is renewed without leaving the page', async (t) => {
  const { page, account, trips } = await newReader(t);
  const before = (await tokensOf(page)).AccessToken;
  // Only the old one is refused.
  await page.route(ONE_CONVERSATION, (route) => (route.request().headers().authorization.endsWith(before) ? route.fulfill(EXPIRED) : route.continue()));
  await open(page, 'Many 54');
  assert.notEqual((await tokensOf(page)).AccessToken, before);
  assert.equal(trips(), 0);
  const renewal = account.requests.findLast((request) => request.url().includes('/oauth2/v2.0/token'));
  assert.equal(new URLSearchParams(renewal.postData()).get('grant_type'), 'refresh_token');
  assertClean(suite, account, [FAILED]);
});

test('a session that has ended is taken up again where it was, by signing in anew', async (t) => {
  const { page, account, trips } = await newReader(t);
  await end(page, () => trips() === 0);
  const key = await listed(page, 'Lena Long').getAttribute('data-key');
  await listed(page, 'Lena Long').click();
  await entries(page, 'Line 0.').waitFor();
  assert.ok(page.url().endsWith(`#/demo/${key}`), page.url());
  assert.equal(trips(), 1);
  assertClean(suite, account, [FAILED]);
});

test('a session that cannot be taken up ends in a screen, not in circles', async (t) => {
  const { page, account, trips } = await newReader(t);
  await end(page, () => true);
  const key = await listed(page, 'Lena Long').getAttribute('data-key');
  await listed(page, 'Lena Long').click();
  await heading(page, 'Your session has ended').waitFor();
  await inspect(page, 'desk-session-ended');
  assert.equal(trips(), 1);
  await page.unrouteAll();
  await page.getByRole('button', { name: 'Sign in again' }).click();
  await entries(page, 'Line 0.').waitFor();
  assert.ok(page.url().endsWith(`#/demo/${key}`), page.url());
  assertClean(suite, account, [FAILED]);
});

test('in all of this nothing else went wrong', () => {
  assertClean(suite, rita.account, [FAILED]);
});
