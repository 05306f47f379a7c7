/**
 * Erasing in the service desk, the trail that it leaves, and what those see who
 * are of another organization.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { talk, unique } from './desk-conversations.mjs';
import { ask, assertClean, ended, eventually, isKept, listed, newSignedIn, open, pick, send, stored, tokensOf, untilTheEnd, useDesk } from './desk.mjs';
import { refuse, screenshot } from './harness.mjs';

const names = ['Abe Abandoned', 'Betty Broken', 'Cora Cancelled', 'Dora Double', 'Gina Gone'];
const ids = Object.fromEntries(names.map((name) => [name, unique(name)]));
const again = unique('again');
const double = { id: `dl_${unique('double')}`, name: 'Dora Double' };

let emil;

const suite = useDesk(prepare);

async function prepare() {
  await send(
    suite,
    ...names.map((name, n) => talk({ id: ids[name], at: Date.UTC(2100, 4, 20 - n, 9), visitor: { name, ...(name === double.name && double) } }, ['visitor', `This is ${name}`], ['bot', 'Hello'])),
    talk({ id: again, at: '2100-01-01T09:00:00Z', visitor: { ...double, name: 'Dora' } }, ['visitor', 'I was here before'])
  );
  emil = await newSignedIn(untilTheEnd, suite, 'emil');
}

const dialog = (page) => page.getByRole('dialog');
const confirm = (page) => dialog(page).getByRole('button', { name: 'Erase', exact: true });
const erasures = ({ requests }) => requests.filter((request) => request.method() === 'DELETE');

/** Emil's page with a conversation open. */
async function reading(name) {
  const { page } = emil;
  await page.goto(suite.desk);
  await open(page, name);
  return page;
}

test('a conversation is erased by the word for it, and by no other', async () => {
  const page = await reading('Abe Abandoned');
  const address = page.url();
  await page.getByRole('button', { name: 'Erase…', exact: true }).click();
  await dialog(page).getByText('Abe Abandoned').waitFor();
  await screenshot(page, 'desk-erase');
  const before = erasures(emil.account).length;
  for (const word of ['', 'ERAS', 'Abe Abandoned', 'ERASE EVERYTHING']) {
    await dialog(page).getByRole('textbox').fill(word);
    await dialog(page).getByRole('textbox').press('Enter');
    assert.equal(await dialog(page).getByRole('textbox').getAttribute('aria-invalid'), 'true', word);
  }
  await screenshot(page, 'desk-erase-wrong');
  assert.equal(erasures(emil.account).length, before);
  assert.ok(await isKept(suite, ids['Abe Abandoned']));

  await dialog(page).getByRole('textbox').fill('ERASE');
  await confirm(page).click();
  await page.getByText('The conversation has been erased.').waitFor();
  await dialog(page).waitFor({ state: 'hidden' });
  assert.equal(await listed(page, 'Abe Abandoned').count(), 0);
  assert.equal(await isKept(suite, ids['Abe Abandoned']), false);

  await page.goto(address);
  await page.reload();
  await page.getByText('This conversation is not there').waitFor();
  assert.equal(await page.getByRole('button', { name: /Erase|Export/ }).count(), 0);
  await screenshot(page, 'desk-gone');
});

test('leaving the dialog erases nothing', async () => {
  const page = await reading('Cora Cancelled');
  const before = erasures(emil.account).length;
  const leave = {
    Cancel: () => dialog(page).getByRole('button', { name: 'Cancel' }).click(),
    Escape: () => page.keyboard.press('Escape')
  };
  for (const [name, act] of Object.entries(leave)) {
    await page.getByRole('button', { name: 'Erase…', exact: true }).click();
    await dialog(page).getByRole('textbox').fill('ERASE');
    await act();
    await dialog(page).waitFor({ state: 'hidden' });
    assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Erase…', `${name} gives the keyboard back`);
  }
  assert.equal(erasures(emil.account).length, before);
  assert.ok(await isKept(suite, ids['Cora Cancelled']));
});

test('the dialog is whole when it is opened again at once', async () => {
  const page = await reading('Cora Cancelled');
  const erase = page.getByRole('button', { name: 'Erase…', exact: true });
  await erase.click();
  // Before the browser has said that the first one was closed.
  await erase.evaluate((button) => {
    document.querySelector('dialog').close();
    button.click();
  });
  await dialog(page).getByRole('textbox').fill('no');
  assert.equal(await confirm(page).isVisible(), true);
  await page.keyboard.press('Escape');
});

test('an erasure that fails says so, and can be tried again at once', async () => {
  const page = await reading('Betty Broken');
  const fault = await refuse(page, '**/conversations/*', { status: 503, code: 'store_unavailable', detail: 'The store is away. Try again in a moment.' });
  await page.getByRole('button', { name: 'Erase…', exact: true }).click();
  await dialog(page).getByRole('textbox').fill('ERASE');
  await confirm(page).click();
  await dialog(page).getByText('The store is away.').waitFor();
  await screenshot(page, 'desk-erase-failed');
  assert.ok(await isKept(suite, ids['Betty Broken']));
  await fault.end();
  await confirm(page).click();
  await dialog(page).waitFor({ state: 'hidden' });
  await eventually(() => isKept(suite, ids['Betty Broken']), (kept) => !kept, 'it is erased');
});

test('a visitor is erased with all conversations, and nobody else', async () => {
  const page = await reading('Dora Double');
  await page.getByRole('button', { name: /Erase visitor/ }).click();
  await screenshot(page, 'desk-erase-visitor');
  await dialog(page).getByRole('textbox').fill('ERASE');
  await confirm(page).click();
  assert.equal(await dialog(page).getByRole('textbox').getAttribute('aria-invalid'), 'true');
  await dialog(page).getByRole('textbox').fill(double.id);
  await confirm(page).click();
  await page.getByText('All conversations of the visitor have been erased.').waitFor();
  assert.equal(await listed(page, 'Dora Double').count(), 0);
  const kept = (await stored(suite)).map((one) => one.conversationId);
  assert.deepEqual([kept.includes(ids['Dora Double']), kept.includes(again), kept.includes(ids['Cora Cancelled'])], [false, false, true]);
});

test('somebody else’s open list does not bring back what was erased', async (t) => {
  const rita = await newSignedIn(t, suite, 'rita');
  await listed(rita.page, 'Gina Gone').waitFor();
  const key = await listed(rita.page, 'Gina Gone').getAttribute('data-key');
  const erased = await ask(suite, `assistants/demo/conversations/${key}`, { method: 'DELETE', token: (await tokensOf(emil.page)).AccessToken });
  assert.equal(erased.status, 204);
  await listed(rita.page, 'Gina Gone').click();
  await rita.page.getByText('This conversation is not there').waitFor();
  await rita.page.getByRole('button', { name: 'Refresh' }).click();
  await listed(rita.page, 'Gina Gone').waitFor({ state: 'detached' });
});

test('the audit trail says who did what to which conversation, and when', async () => {
  const { page } = emil;
  await reading('Cora Cancelled');
  const key = await listed(page, 'Cora Cancelled').getAttribute('data-key');
  await page.getByRole('link', { name: 'Audit trail' }).click();
  const table = page.locator('#audit table');
  await table.waitFor();
  await screenshot(page, 'desk-audit');
  const rows = await table.locator('tbody tr').evaluateAll((all) =>
    all.map((row) => ({
      at: row.querySelector('time').dateTime,
      what: row.cells[1].textContent,
      who: row.cells[2].querySelector('[title]').title,
      name: row.cells[2].textContent,
      ofWhat: row.cells[3].querySelector('[title]')?.title
    }))
  );
  const emilsId = '5a1de000-0000-4000-8000-000000000002 of tenant 5a1de000-0000-4000-8000-00000000de50';
  const has = (wanted) => assert.ok(rows.some((row) => Object.entries(wanted).every(([name, value]) => row[name] === value)), JSON.stringify([wanted, rows.slice(0, 8)]));
  has({ what: 'Read a conversation (2)', who: emilsId, ofWhat: key });
  assert.ok(rows.some((row) => row.what.startsWith('Listed conversations') && row.who === emilsId));
  has({ what: 'Erased a user (2)', who: emilsId, ofWhat: double.id });
  for (const { who, name } of rows) assert.equal(name === 'You', who === emilsId, `${name}: ${who}`);
  assert.ok(rows.filter((row) => row.what.startsWith('Erased a conversation') && row.who === emilsId).length >= 3);
  assert.ok(rows.some((row) => row.who.startsWith('5a1de000-0000-4000-8000-000000000001')), 'Rita has been reading');
  assert.deepEqual(rows.map((row) => row.at), rows.map((row) => row.at).toSorted().reverse());
  for (const { at } of rows.slice(0, 5)) assert.ok(Math.abs(Date.now() - Date.parse(at)) < 600_000, at);

  await table.getByTitle(key).first().click();
  await ended(page);
  await page.getByRole('heading', { name: 'Cora Cancelled' }).waitFor();
});

test('somebody of another organization sees a plain message and nothing else', async (t) => {
  const key = await listed(await reading('Cora Cancelled'), 'Cora Cancelled').getAttribute('data-key');
  const { page, account } = await newSignedIn(t, suite, 'otto');
  const refused = page.getByRole('heading', { name: 'This account is not accepted here' });
  await refused.waitFor();
  await screenshot(page, 'desk-other-organization');
  await page.goto(`${suite.desk}#/demo/${key}`);
  await page.reload();
  await refused.waitFor();
  assert.doesNotMatch(await page.locator('body').textContent(), /Cora|Demo Bank/);
  const paths = account.requests.map((request) => new URL(request.url()).pathname);
  assert.deepEqual([...new Set(paths.filter((path) => path.startsWith('/api/desk/')))], ['/api/desk/config', '/api/desk/assistants']);
  assert.ok(paths.filter((path) => path.endsWith('/oauth2/v2.0/authorize')).length <= 3, 'the page does not go round in circles');
  suite.otto = await tokensOf(page);

  await page.getByRole('button', { name: 'Use another account' }).click();
  await pick(page, 'rita');
  await ended(page);
  await page.getByRole('heading', { name: 'Cora Cancelled' }).waitFor();
  assertClean(suite, account, [/Failed to load resource.*401/]);
});

test('another organization’s token opens nothing, whether it exists or not', async () => {
  const token = suite.otto.AccessToken;
  const key = await listed(emil.page, 'Cora Cancelled').getAttribute('data-key');
  for (const [method, path] of [
    ['GET', 'assistants'],
    ['GET', 'assistants/demo/conversations'],
    ['GET', `assistants/demo/conversations/${key}`],
    ['GET', `assistants/demo/conversations/${key}?format=transcript`],
    ['GET', 'assistants/demo/audit'],
    ['DELETE', `assistants/demo/conversations/${key}`],
    ['DELETE', `assistants/demo/users/dl_${ids['Cora Cancelled']}`]
  ]) {
    const foreign = await ask(suite, path, { method, token });
    const missing = await ask(suite, path.replace('demo', 'nosuch'), { method, token });
    // No assistant here is of that organization: its tokens are as good as none.
    assert.deepEqual([foreign.status, foreign.body.code], [401, 'token_invalid'], `${method} ${path}`);
    assert.deepEqual([foreign.status, foreign.body.code, foreign.body.detail], [missing.status, missing.body.code, missing.body.detail], 'the two cannot be told apart');
  }
  assert.ok(await isKept(suite, ids['Cora Cancelled']));
});

test('an assistant that is not there is answered with 404, whoever asks', async () => {
  const token = (await tokensOf(emil.page)).AccessToken;
  const { status, body } = await ask(suite, 'assistants/nosuch/conversations', { token });
  assert.deepEqual([status, body.code], [404, 'unknown_assistant']);
});

test('no token, or not one for this API: 401', async () => {
  const { AccessToken: token, IdToken: idToken } = await tokensOf(emil.page);
  const [head, payload, signature] = token.split('.');
  const unsigned = Buffer.from('{"alg":"none","typ":"JWT"}').toString('base64url');
  for (const [wrong, code] of [
    [undefined, 'token_missing'],
    ['nonsense', 'token_invalid'],
    [idToken, 'token_invalid'],
    [`${head}.${payload}.${signature.split('').reverse().join('')}`, 'token_invalid'],
    [`${unsigned}.${payload}.`, 'token_invalid'],
    [`${head}.${suite.otto.AccessToken.split('.')[1]}.${signature}`, 'token_invalid']
  ]) {
    const { status, headers, body } = await ask(suite, 'assistants/demo/conversations', { token: wrong });
    assert.deepEqual([status, body.code], [401, code]);
    assert.match(headers.get('WWW-Authenticate'), /^Bearer/);
  }
});

test('in all of this nothing else went wrong', () => {
  assertClean(suite, emil.account, [/Failed to load resource.*(404|503)/]);
});
