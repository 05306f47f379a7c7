/**
 * Hostile messages in the service desk: they are shown, and nothing of them runs,
 * loads, or leads to where no link should.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { talk, unique } from './desk-conversations.mjs';
import { ADDRESSES, EVIL, LINKS, TEXTS, awkward, hostile } from './desk-hostile.mjs';
import { assertClean, entries, eventually, foreignRequests, isKept, listed, newSignedIn, open, openAll, send, settled, untilTheEnd, useDesk } from './desk.mjs';
import { refuse, screenshot } from './harness.mjs';

const visitor = { id: `dl_${unique('<img src=x onerror=alert(1)>"\'&')}`, name: `${TEXTS[0]} Mallory` };
const ids = { hostile: unique(TEXTS[1]), awkward: unique('awkward'), link: unique('link') };

let emil;

const suite = useDesk(prepare);

async function prepare() {
  await send(
    suite,
    hostile({ id: ids.hostile, at: '2100-04-02T09:00:00Z', visitor }),
    awkward({ id: ids.awkward, at: '2100-04-01T09:00:00Z', visitor: { name: 'Alan Awkward' } }),
    talk({ id: ids.link, at: '2100-03-01T09:00:00Z', visitor: { name: 'Linus Link' } }, ['visitor', 'Where?'], ['bot', { attachments: [{ contentType: 'text/html', name: 'a page', contentUrl: `${EVIL}/page` }] }])
  );
  emil = await newSignedIn(untilTheEnd, suite, 'emil');
}

/** What must not be in the part of the page that messages fill. */
const intruders = (page) =>
  page.evaluate(() => {
    const places = '#list, #conversation, #audit, #erase, #toast';
    const elements = [...document.querySelectorAll(places)].flatMap((place) => [...place.querySelectorAll('*')]);
    const isForeign = (element) => /^(script|style|link|meta|base|img|picture|source|video|audio|iframe|frame|object|embed|math|template|slot)$/i.test(element.tagName) || element.tagName.includes('-');
    const isOddPicture = (element) => element.closest('svg') && (!element.closest('svg').matches('[aria-hidden="true"]') || !['svg', 'path'].includes(element.tagName));
    // Screenshots leave empty styles behind.
    const isActive = ({ name, value }) => value !== '' && /^(on|style$|src|action$|formaction|background$|poster$|xlink|data$|ping$)/i.test(name);
    const bad = elements.filter((element) => isForeign(element) || isOddPicture(element) || [...element.attributes].some(isActive));
    return bad.map((element) => element.outerHTML.slice(0, 200));
  });

/** Asserts that nothing of a message has done anything so far. */
async function assertTame(page) {
  assert.deepEqual(await intruders(page), []);
  assert.doesNotMatch(await page.title(), /HACKED/);
  assertClean(suite, emil.account);
}

/** Opens the hostile conversation to its end, with everything in it that opens. */
async function openHostile(page) {
  await listed(page, 'Mallory').click();
  await entries(page, 'press me').first().waitFor();
  await screenshot(page, 'desk-hostile');
  const toEnd = (scroll) => {
    scroll.scrollTo(0, scroll.scrollHeight);
    return scroll.textContent.includes('End of the conversation');
  };
  await eventually(() => page.locator('#conversation .scroll').evaluate(toEnd), (isAtEnd) => isAtEnd, 'the end of the conversation');
  await openAll(page);
}

test('the list shows hostile names and messages as text', async () => {
  const { page } = emil;
  await listed(page, 'Mallory').waitFor();
  assert.equal(await listed(page, 'Mallory').locator('.who').textContent(), visitor.name);
  assert.equal(await listed(page, 'Mallory').locator('.last').textContent(), TEXTS[1]);
  await page.getByRole('searchbox').fill(TEXTS[0].slice(0, 40));
  await listed(page, 'Mallory').waitFor();
  await assertTame(page);
});

test('a conversation shows hostile text, cards, names and events as text; only whole http and https addresses are links', async () => {
  const { page } = emil;
  await openHostile(page);
  const bubbles = await page.locator('#conversation .bubble .text').evaluateAll((all) => all.map((one) => one.textContent.toWellFormed()));
  for (const text of TEXTS) assert.ok(bubbles.includes(text.toWellFormed()), text);
  assert.equal(await page.locator('#conversation .bubble li', { hasText: 'onclick' }).count(), 1, 'marks are read');
  await assertTame(page);

  const links = await page.locator('#conversation a[target]').evaluateAll((all) => all.map((link) => ({ href: link.getAttribute('href'), rel: link.rel })));
  const hrefs = new Set(links.map((link) => link.href));
  for (const address of LINKS) assert.ok(hrefs.has(new URL(address).href), address);
  for (const address of ADDRESSES) assert.ok(!hrefs.has(address), address);
  for (const href of hrefs) assert.match(href, /^https?:\/\/[^@]+$/);
  assert.deepEqual([...new Set(links.map((link) => link.rel))], ['noopener noreferrer nofollow']);
  const inner = await page.locator('#list a, #conversation a:not([target])').evaluateAll((all) => all.map((link) => link.getAttribute('href')));
  for (const href of inner) assert.match(href, /^#\/demo(\/[\w.~=-]+)?$/);
});

test('members of the wrong types hide nothing of what comes after them', async () => {
  const { page } = emil;
  await page.goto(suite.desk);
  await open(page, 'Alan Awkward');
  await openAll(page);
  await assertTame(page);
});

test('hostile addresses of the page itself lead to the list', async () => {
  const { page } = emil;
  for (const hash of ['#/demo/<img src=x onerror=alert(1)>', '#/demo/..', '#/demo/%2e%2e/x', '#//evil.example/', '#/javascript:alert(1)', `#${TEXTS[1]}`, '#/demo/x/y/z']) {
    await page.evaluate((value) => (location.hash = value), hash);
    await page.locator('body[data-view="list"]').waitFor();
    await page.evaluate(() => (location.hash = '#/demo/!audit'));
    await page.locator('body[data-view="audit"]').waitFor();
  }
  assertClean(suite, emil.account);
});

test('another assistant in the address is answered as one that does not exist', async (t) => {
  const { page, account } = await newSignedIn(t, suite, 'emil', { path: '#/elsewhere/abc' });
  await page.getByText(/not there|no assistant|not found/i).first().waitFor();
  assert.deepEqual(foreignRequests(suite, account), []);
});

test('what the server says of a failure is text as well', async (t) => {
  const { page, account } = await newSignedIn(t, suite, 'emil');
  const fault = await refuse(page, '**/api/desk/assistants', { status: 503, code: TEXTS[0], detail: TEXTS[1] });
  await page.reload();
  await page.getByText(TEXTS[1], { exact: true }).waitFor();
  assert.deepEqual(await intruders(page), []);
  assert.equal(fault.calls.length, 1);
  assertClean(suite, account, [/Failed to load resource/]);
});

test('a forged answer of the sign-in page signs nobody in, and none of it runs', async (t) => {
  const { page, account } = await newSignedIn(t, suite, 'emil');
  await page.evaluate(() => sessionStorage.clear());
  for (const answer of ['code=stolen&state=forged', `error=server_error&error_description=${encodeURIComponent(TEXTS[1])}&state=forged`]) {
    await page.goto('about:blank');
    await page.goto(`${suite.desk}#${answer}`);
    await settled(page);
    await page.getByRole('heading', { name: /Sign(ing)? in/ }).waitFor();
    assert.equal(await page.locator('#screen img, #screen script').count(), 0);
  }
  assert.ok(!account.requests.some((request) => request.method() === 'POST' && request.url().endsWith('/token')));
  assertClean(suite, account);
});

test('whoever is linked to learns nothing of the consultant', async () => {
  const { page, context } = emil;
  const seen = [];
  await context.route(`${EVIL}/**`, (route) => {
    seen.push(route.request().headers());
    return route.fulfill({ contentType: 'text/html', body: '<title>evil</title>' });
  });
  await page.goto(suite.desk);
  await open(page, 'Linus Link');
  const [other] = await Promise.all([context.waitForEvent('page'), page.getByRole('link', { name: /a page/ }).click()]);
  await other.waitForURL(`${EVIL}/page`);
  assert.equal(await other.evaluate(() => opener), null);
  assert.equal(await other.evaluate(() => document.referrer), '');
  assert.equal(seen[0].referer, undefined);
  await other.close();
  await context.unroute(`${EVIL}/**`);
  emil.account.requests = emil.account.requests.filter((request) => request.url() !== `${EVIL}/page`);
});

test('a hostile conversation is exported, and its visitor erased by name', async () => {
  const { page } = emil;
  await page.goto(suite.desk);
  await listed(page, 'Mallory').click();
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Export' }).click()]);
  assert.match(download.suggestedFilename(), /^\w[\w-]*\.transcript$/);

  await page.getByRole('button', { name: /Erase visitor/ }).click();
  await page.getByRole('dialog').getByText(visitor.id).waitFor();
  await assertTame(page);
  await screenshot(page, 'desk-hostile-erase');
  await page.getByRole('dialog').getByRole('textbox').fill(visitor.id);
  await page.getByRole('dialog').getByRole('button', { name: 'Erase', exact: true }).click();
  await listed(page, 'Mallory').waitFor({ state: 'detached' });
  await eventually(() => isKept(suite, ids.hostile), (kept) => !kept, 'the conversation is gone');

  await page.getByRole('link', { name: 'Audit trail' }).click();
  await page.getByTitle(visitor.id).first().waitFor();
  await assertTame(page);
});
