/**
 * The service desk for somebody who may read: signs in, finds conversations,
 * reads and exports them.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';

import { TRANSCRIPT_NAMES, cards, readTranscript, talk, unique, withoutSecrets } from './desk-conversations.mjs';
import { ask, assertClean, ended, entries, eventually, isKept, isStored, listed, lists, newConsultant, newSignedIn, open, send, settled, signIn, stored, tokensOf, untilTheEnd, useDesk } from './desk.mjs';

const ids = Object.fromEntries(['zoe', 'cards', 'night', 'scripts', 'marked', 'long', 'many'].map((name) => [name, unique(name)]));
// All that an address has a use of its own for.
const ODD_ID = unique('a/b?c#d%2e%252F..|e f;g=h&i+j\\k');
const MANY = 60;

// With a space in front, so that trimming would be noticed.
const WRITTEN = [
  '你好，我想查询我的账户余额。𠮷野家',
  'مرحبا، أريد فتح حساب (IBAN) من فضلك.',
  'שלום, מה השעה 10:30?',
  'สวัสดีครับ ขอบคุณ',
  '👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽 e\u0301',
  ' line one\n\n   line two\twith a tab'
];

let rita;

const suite = useDesk(prepare);

async function prepare() {
  await send(
    suite,
    talk({ id: ids.zoe, at: '2100-03-11T09:00:00Z', visitor: { name: 'Zoë Müller' } }, ['visitor', 'Ich wohne in der Hauptstraße'], ['bot', 'Crème brûlée gibt es nicht']),
    cards(ids.cards, '2100-03-11T08:00:00Z'),
    talk({ id: ids.night, at: '2100-03-10T23:30:00Z', visitor: { name: 'Nora Night' } }, ['visitor', 'Are you awake?'], ['bot', 'Always.']),
    talk({ id: ids.marked, at: '2100-03-05T12:00:00Z', visitor: { name: 'Mark Marked' } }, ['visitor', '**not** [this](https://bank.example/)'], ['bot', 'Type **KQT-3FZ** at [the phone](https://phone.example).']),
    talk({ id: ids.scripts, at: '2100-03-09T12:00:00Z', visitor: { name: '王小明' } }, ...WRITTEN.map((text) => ['visitor', text])),
    talk({ id: ODD_ID, at: '2100-03-08T12:00:00Z', visitor: { name: 'Oda Odd' } }, ['visitor', 'odd'], ['bot', { type: 'typing' }], ['bot', 'even']),
    talk({ id: ids.long, at: '2100-03-06T12:00:00Z', visitor: { name: 'Lena Long' } }, ...Array.from({ length: 230 }, (_, n) => [n % 2 ? 'bot' : 'visitor', `Line ${n}.`])),
    ...Array.from({ length: MANY }, (_, n) => talk({ id: `${ids.many}-${n}`, at: Date.UTC(2099, 1, 1, 12, n), visitor: { id: `dl_${ids.many}`, name: `Many ${n}` } }, ['visitor', `number ${n}`]))
  );
  rita = await newSignedIn(untilTheEnd, suite, 'rita');
}

/** Rita's page at the list, as it is at first. */
async function atTheList() {
  await rita.page.goto(suite.desk);
  await listed(rita.page).first().waitFor();
  return rita.page;
}

const INBOX = ['Zoë Müller', 'Carla Cards', 'Nora Night', '王小明', 'Oda Odd', 'Lena Long'];

test('signs in by authorization code with PKCE; the tokens are in the tab, and in no address', async (t) => {
  const { context, page, account } = await newConsultant(t, suite);
  await page.goto(suite.desk);
  await signIn(page, 'rita');

  const asked = account.requests.find((request) => request.method() === 'GET' && request.url().includes('/oauth2/v2.0/authorize'));
  const query = new URL(asked.url()).searchParams;
  assert.equal(query.get('response_type'), 'code');
  assert.equal(query.get('code_challenge_method'), 'S256');
  const redeemed = account.requests.find((request) => request.url().includes('/oauth2/v2.0/token'));
  const form = new URLSearchParams(redeemed.postData());
  assert.equal(form.get('grant_type'), 'authorization_code');
  assert.equal(createHash('sha256').update(form.get('code_verifier')).digest('base64url'), query.get('code_challenge'));
  assert.equal(form.get('client_secret'), null);

  const tokens = Object.values(await tokensOf(page));
  assert.equal(tokens.length, 3, 'an access, an ID and a refresh token');
  const addresses = [...account.requests.map((request) => request.url()), ...account.addresses];
  for (const token of tokens) assert.ok(!addresses.some((address) => address.includes(token)));
  assert.ok(!addresses.some((address) => /(access|id|refresh)_token=/.test(address)));
  assert.ok(!page.url().includes('code='), page.url());
  assert.deepEqual(await context.cookies(), []);
  assert.equal(await page.evaluate(() => localStorage.length), 0);
  assert.deepEqual(await page.evaluate(() => indexedDB.databases()), []);
  assertClean(suite, account);
});

test('the page comes with a policy that lets nothing of a message run or load', async () => {
  const answer = await fetch(suite.desk);
  const policy = Object.fromEntries(answer.headers.get('Content-Security-Policy').split('; ').map((rule) => rule.split(/ (.*)/)));
  assert.equal(policy['default-src'], "'none'");
  assert.equal(policy['script-src'], "'self'");
  assert.equal(policy['style-src'], "'self'");
  assert.equal(policy['img-src'], "'self'");
  assert.equal(policy['frame-ancestors'], "'none'");
  assert.equal(policy['require-trusted-types-for'], "'script'");
  assert.doesNotMatch(JSON.stringify(policy), /unsafe|\*|data:|blob:/);
});

test('the conversations are by day in her own time zone, newest first', async () => {
  const page = await atTheList();
  const shown = await page.locator('#list section').evaluateAll((days) =>
    days.map((day) => [day.querySelector('h3').textContent, ...[...day.querySelectorAll('a')].map((link) => `${link.querySelector('time').textContent} ${link.querySelector('.who').textContent}`)])
  );
  assert.deepEqual(shown.slice(0, 3), [
    // Nora's is of the day before by the clock of Greenwich.
    ['Thursday, 11 March 2100', '10:01 Zoë Müller', '09:08 Carla Cards', '00:31 Nora Night'],
    ['Tuesday, 9 March 2100', '13:05 王小明'],
    ['Monday, 8 March 2100', '13:02 Oda Odd']
  ]);
  assert.deepEqual(shown.flatMap((day) => day.slice(1)).slice(0, INBOX.length).map((item) => item.replace(/^\S+ /, '')), INBOX);
});

test('searching finds names, ids and what was said last, without regard to case and accents', async () => {
  const page = await atTheList();
  for (const [query, names] of [
    ['brulee', ['Zoë Müller']],
    ['CRÈME  Zoe', ['Zoë Müller']],
    ['Hauptstraße', []],
    ['王小', ['王小明']],
    ['even', ['Oda Odd']],
    ['nora', ['Nora Night']],
    [ids.long, ['Lena Long']],
    ['no such words', []]
  ]) {
    await page.getByRole('searchbox').fill(query);
    await lists(page, names);
  }
  await page.getByText('Nothing found').waitFor();
  await page.getByRole('searchbox').fill('');
  await listed(page, 'Zoë Müller').waitFor();
});

test('days are chosen by date, both included', async () => {
  const page = await atTheList();
  await page.getByLabel('From').fill('2100-03-08');
  await page.getByLabel('To').fill('2100-03-09');
  await lists(page, ['王小明', 'Oda Odd']);
  // Nora wrote on the 10th at Greenwich, where days end, and on the 11th in Berlin.
  await page.getByLabel('To').fill('2100-03-10');
  await lists(page, ['Nora Night', '王小明', 'Oda Odd']);
  await page.getByText('Days end at midnight UTC').waitFor();
  await page.getByLabel('To').fill('2100-03-11');
  await lists(page, INBOX.slice(0, 5));
  await page.getByLabel('From').fill('2001-01-01');
  await page.getByLabel('To').fill('2001-01-02');
  await page.getByText('No conversations on these days').waitFor();
  await page.getByLabel('To').fill('');
  await page.getByText('Days end at midnight UTC').waitFor({ state: 'hidden' });
});

test('more are loaded, each conversation once', async () => {
  const page = await atTheList();
  assert.equal(await listed(page).count(), 50);
  await page.locator('#list').getByRole('button', { name: 'Load more' }).click();
  await listed(page, 'number 0').waitFor();
  const keys = await listed(page).evaluateAll((links) => links.map((link) => link.dataset.key));
  assert.equal(new Set(keys).size, keys.length);
  const times = await listed(page).locator('time').evaluateAll((all) => all.map((time) => time.dateTime));
  assert.deepEqual(times, times.toSorted().reverse());
  assert.equal(await listed(page, /^Many/).count(), MANY);
});

test('a conversation is read as it was: who, when, what', async () => {
  const page = await atTheList();
  await open(page, 'Zoë Müller');
  await page.getByRole('heading', { name: 'Zoë Müller' }).waitFor();
  assert.deepEqual(await page.locator('#conversation .bubble').allTextContents(), ['Ich wohne in der Hauptstraße', 'Crème brûlée gibt es nicht']);
  assert.deepEqual(await entries(page).locator('.name').allTextContents(), ['Zoë Müller', 'Demo bot']);
  assert.deepEqual(await entries(page).locator('time').allTextContents(), ['10:00', '10:01']);
  await page.getByRole('heading', { name: 'Thursday, 11 March 2100', level: 3 }).last().waitFor();
  const [visitor, bot] = await Promise.all((await page.locator('#conversation .bubble').all()).map((bubble) => bubble.boundingBox()));
  assert.ok(visitor.x > bot.x && visitor.x + visitor.width > bot.x + bot.width, 'the visitor is on the right, the bot on the left');
  assert.equal(await listed(page, 'Zoë Müller').getAttribute('aria-current'), 'true');
});

test('what a bot has marked is shown as the visitor saw it, what a visitor typed as it was typed', async () => {
  const page = await atTheList();
  assert.equal(await listed(page, 'Mark Marked').locator('.last').textContent(), 'Type KQT-3FZ at the phone.');
  await open(page, 'Mark Marked');
  const [typed, said] = await page.locator('#conversation .bubble').all();
  assert.equal(await typed.textContent(), '**not** [this](https://bank.example/)');
  assert.equal(await typed.locator('a, strong').count(), 0);
  assert.equal(await said.textContent(), 'Type KQT-3FZ at the phone.');
  assert.equal(await said.locator('strong').textContent(), 'KQT-3FZ');
  assert.equal(await said.getByRole('link', { name: 'the phone' }).getAttribute('href'), 'https://phone.example/');
});

test('cards are readable, and attachments are links that tell nothing of the reader', async () => {
  const page = await atTheList();
  await open(page, 'Carla Cards');
  const said = page.locator('#conversation');
  for (const text of ['A loan for your home', 'From 1.9 %', 'Your appointment', 'Harbour Street', 'Ms Okoye', '10:30', 'Your phone number', '+49 30 1234567', 'Green Energy Ltd', '€ 42.00', 'Anything else?'])
    await said.getByText(text).first().waitFor();
  const links = await said.locator('a[target]').evaluateAll((all) => all.map(({ href, rel, target, textContent }) => ({ href, rel, target, textContent })));
  const hrefs = new Set(links.map((link) => link.href));
  assert.deepEqual(hrefs, new Set(['https://pictures.example/house.png', 'https://bank.example/loans?from=chat', 'https://maps.example/harbour-street', 'https://files.example/form.pdf', 'https://files.example/terms.pdf']));
  for (const { rel, target } of links) assert.deepEqual([rel, target], ['noopener noreferrer nofollow', '_blank']);
  await said.getByText('held in the message').waitFor();
  assert.equal(await said.locator('img, video, audio, iframe, object, input, form').count(), 0);
  assert.equal(await said.getByRole('button', { name: 'Confirm' }).count(), 0, 'nothing of a card can be pressed');
  assert.deepEqual(await said.locator('.card strong').allTextContents(), ['about it', 'passport', 'about it', 'about it']);
});

test('every writing system stays as it was written', async () => {
  const page = await atTheList();
  await open(page, '王小明');
  const bubbles = page.locator('#conversation .bubble .text');
  assert.deepEqual(await bubbles.allTextContents(), WRITTEN);
  const directions = await bubbles.evaluateAll((all) => all.map((one) => getComputedStyle(one).direction));
  assert.deepEqual(directions, ['ltr', 'rtl', 'rtl', 'ltr', 'ltr', 'ltr']);
  assert.equal(await bubbles.last().evaluate((one) => one.getClientRects().length > 0 && one.offsetHeight > 60), true, 'line breaks are kept');
});

test('a long conversation comes page by page as it is scrolled', async () => {
  const page = await atTheList();
  await listed(page, 'Lena Long').click();
  await entries(page, 'Line 99.').waitFor();
  assert.equal(await entries(page).count(), 100);
  for (const last of ['Line 99.', 'Line 199.', 'Line 229.']) await entries(page, last).scrollIntoViewIfNeeded();
  await page.locator('#conversation .scroll').evaluate((scroll) => scroll.scrollTo(0, scroll.scrollHeight));
  await ended(page);
  assert.deepEqual(await page.locator('#conversation .bubble').allTextContents(), Array.from({ length: 230 }, (_, n) => `Line ${n}.`));
});

/** The file that the page saves of the open conversation. */
async function exported(page) {
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Export' }).click()]);
  return { name: download.suggestedFilename(), activities: JSON.parse(await readFile(await download.path(), 'utf8')) };
}

/** Activities in an order that does not depend on how they came. */
const ordered = (activities) => activities.toSorted((one, other) => (one.timestamp + one.id < other.timestamp + other.id ? -1 : 1));

for (const name of TRANSCRIPT_NAMES) {
  test(`the real transcript ${name}: read, and exported as it was sent`, async (t) => {
    const activities = await readTranscript(name);
    if (!activities) return t.skip(`../shared/data/transcripts/${name}.transcript is absent`);
    await send(suite, activities);
    const page = await atTheList();
    const day = activities[0].timestamp.slice(0, 10);
    await page.getByLabel('From').fill(day);
    await page.getByLabel('To').fill(day);
    const { id } = activities[0].conversation;
    const { body } = await ask(suite, `assistants/demo/conversations?from=${day}T00:00:00Z&to=${day}T23:59:59Z`, { token: (await tokensOf(page)).AccessToken });
    await page.locator(`#list a[data-key="${body.items.find((item) => item.conversationId === id).key}"]`).click();
    await ended(page);
    const file = await exported(page);
    assert.match(file.name, /^[\w-]+\.transcript$/);
    assert.deepEqual(ordered(file.activities), ordered(activities.filter(isStored).map(withoutSecrets)));
    assert.deepEqual(file.activities.map((one) => Date.parse(one.timestamp)), file.activities.map((one) => Date.parse(one.timestamp)).toSorted((one, other) => one - other));
  });
}

test('a link opens the same conversation in another tab, after signing in there', async () => {
  const page = await atTheList();
  await rita.context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: suite.url });
  await open(page, 'Oda Odd');
  await page.getByRole('button', { name: 'Copy link' }).click();
  await page.getByText('The link has been copied').waitFor();
  const link = await page.evaluate(() => navigator.clipboard.readText());
  assert.equal(link, page.url());

  const tab = await rita.context.newPage();
  await tab.goto(link);
  await signIn(tab, 'rita');
  await ended(tab);
  assert.equal(tab.url(), link);
  assert.deepEqual(await tab.locator('#conversation .bubble').allTextContents(), ['odd', 'even']);
  const { activities } = await exported(tab);
  assert.deepEqual(activities.map(({ conversation }) => conversation.id), [ODD_ID, ODD_ID]);
  await tab.close();
});

test('the browser’s own back and forward lead through what was read', async () => {
  const page = await atTheList();
  await open(page, 'Zoë Müller');
  await open(page, 'Oda Odd');
  await page.goBack();
  await page.getByRole('heading', { name: 'Zoë Müller' }).waitFor();
  await page.goForward();
  await page.getByRole('heading', { name: 'Oda Odd' }).waitFor();
});

test('who may only read finds no way to erase', async () => {
  const page = await atTheList();
  await open(page, 'Zoë Müller');
  assert.equal(await page.getByRole('button', { name: /erase/i }).count(), 0);
  assert.equal(await page.getByRole('link', { name: /audit/i }).count(), 0);
  await page.goto(`${suite.desk}#/demo/!audit`);
  await page.waitForURL(/#\/demo$/);

  const token = (await tokensOf(page)).AccessToken;
  const key = await listed(page, 'Zoë Müller').getAttribute('data-key');
  for (const [method, path] of [
    ['DELETE', `assistants/demo/conversations/${key}`],
    ['DELETE', `assistants/demo/users/dl_${ids.zoe}`],
    ['GET', 'assistants/demo/audit']
  ]) {
    const { status, body } = await ask(suite, path, { method, token });
    assert.deepEqual([status, body.code], [403, 'role_missing'], `${method} ${path}`);
  }
  assert.ok(await isKept(suite, ids.zoe));
});

test('signing out leaves nothing behind in the tab', async () => {
  const page = await atTheList();
  await open(page, 'Zoë Müller');
  const address = page.url();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByRole('heading', { name: 'Sign in to read conversations' }).waitFor();
  assert.deepEqual(await tokensOf(page), {});
  assert.doesNotMatch(await page.evaluate(() => JSON.stringify({ ...sessionStorage })), /rita|5a1de000/i);
  assert.equal(await page.getByText('Hauptstraße').count(), 0);

  await page.goto(address);
  await settled(page);
  await page.getByRole('heading', { name: 'Sign in to read conversations' }).waitFor();
  assert.equal(await page.locator('#list a').count(), 0);
});

test('in all of this nothing went wrong, and nobody else was spoken to', () => {
  assertClean(suite, rita.account);
});
