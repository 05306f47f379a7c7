/**
 * The service desk by keyboard alone, magnified, on a phone, and as axe sees it,
 * in the light and in the dark.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { cards, talk, unique } from './desk-conversations.mjs';
import { assertClean, ended, eventually, inspect, isKept, listed, newConsultant, newSignedIn, open, openAll, send, settled, signIn, untilTheEnd, useDesk } from './desk.mjs';
import { screenshot } from './harness.mjs';

const ids = { cards: unique('cards'), kim: unique('kim'), long: unique('long') };
const LONG_WORD = 'Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft'.repeat(4);

let emil;

const suite = useDesk(prepare);

async function prepare() {
  await send(
    suite,
    cards(ids.cards, '2100-07-03T09:00:00Z'),
    talk({ id: ids.kim, at: '2100-07-02T09:00:00Z', visitor: { name: 'Kim Keyboard' } }, ...Array.from({ length: 40 }, (_, n) => [n % 2 ? 'bot' : 'visitor', `Line ${n}.`])),
    talk({ id: ids.long, at: '2100-07-01T09:00:00Z', visitor: { name: LONG_WORD } },
      ['visitor', LONG_WORD],
      ['bot', { text: LONG_WORD, attachments: [{ contentType: 'text/plain', name: LONG_WORD, contentUrl: `https://files.example/${LONG_WORD}` }] }]
    )
  );
  emil = await newSignedIn(untilTheEnd, suite, 'emil');
}

/** What has the keyboard: its name, and whether one can see that it has. */
const focused = (page) =>
  page.evaluate(() => {
    const element = document.activeElement;
    const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(element);
    const box = element.getBoundingClientRect();
    const top = document.elementFromPoint(box.x + box.width / 2, box.y + Math.min(box.height, innerHeight - box.y) / 2);
    // A field's calendar button is the browser's own, and so is its outline.
    const isInside = element.matches('input:not(:focus)');
    return {
      id: element.id,
      name: (element.getAttribute('aria-label') ?? element.labels?.[0]?.textContent ?? element.textContent).trim(),
      isMarked: isInside || (element.matches(':focus-visible') && ((outlineStyle !== 'none' && parseFloat(outlineWidth) > 0) || boxShadow !== 'none')),
      isInView: element.contains(top) || (top?.contains(element) ?? false)
    };
  });

/** Presses Tab until it is at what is named so; every stop on the way can be seen. */
async function tabTo(page, name, key = 'Tab') {
  const stops = [];
  for (let presses = 0; presses < 60; presses++) {
    await page.keyboard.press(key);
    const at = await focused(page);
    stops.push(at.name.slice(0, 40));
    if (at.name === '' && at.id === '') continue; // the browser's own controls
    assert.ok(at.isMarked && at.isInView, `one cannot see that the keyboard is at ${JSON.stringify(at)}`);
    if (name instanceof RegExp ? name.test(at.name) : at.name === name) return;
  }
  assert.fail(`no way to ${name} by keyboard, only to ${stops.join(' | ')}`);
}

const press = (page, key) => page.keyboard.press(key);

async function signInByKeyboard(page) {
  await page.goto(suite.desk);
  await settled(page);
  await tabTo(page, 'Sign in');
  await press(page, 'Enter');
  await page.getByRole('button', { name: 'Emil' }).waitFor();
  await tabTo(page, /Emil/);
  await press(page, 'Enter');
  await listed(page, 'Kim Keyboard').waitFor();
  assert.equal((await focused(page)).name, 'Conversations');
}

async function readByKeyboard(page) {
  await tabTo(page, /^Carla Cards/);
  for (const [key, name] of [
    ['ArrowDown', /^Kim Keyboard/],
    ['End', /./],
    ['Home', /^Carla Cards/],
    ['ArrowUp', /^Carla Cards/],
    ['ArrowDown', /^Kim Keyboard/]
  ]) {
    await press(page, key);
    const at = await focused(page);
    assert.match(at.name, name);
    assert.ok(at.isMarked && at.isInView, `${key}: ${JSON.stringify(at)}`);
  }
  await press(page, 'Enter');
  await ended(page);
  assert.equal((await focused(page)).name, 'Kim Keyboard', 'what was opened is read out');
  await tabTo(page, 'Messages');
  const before = await page.locator('#conversation .scroll').evaluate((element) => element.scrollTop);
  await press(page, 'PageDown');
  await page.waitForFunction((top) => document.querySelector('#conversation .scroll').scrollTop > top, before);
}

async function eraseByKeyboard(page) {
  await tabTo(page, 'Erase…', 'Shift+Tab');
  await press(page, 'Enter');
  assert.equal((await focused(page)).id, 'erase-word');
  await page.keyboard.type('erease');
  await press(page, 'Enter');
  assert.equal((await focused(page)).id, 'erase-word');
  await tabTo(page, 'Cancel');
  await tabTo(page, 'Erase');
  await press(page, 'Escape');
  assert.equal((await focused(page)).name, 'Erase…', 'the keyboard is back where it was');

  await press(page, 'Enter');
  await page.keyboard.type('ERASE');
  await press(page, 'Enter');
  await listed(page, 'Kim Keyboard').waitFor({ state: 'detached' });
  await page.waitForURL(/#\/demo$/);
  assert.equal(await isKept(suite, ids.kim), false);
  await eventually(() => focused(page), ({ name }) => name.startsWith(LONG_WORD.slice(0, 20)), 'the keyboard is at the neighbour of what was erased');
}

test('all of it by keyboard: signing in, reading, erasing, signing out', async (t) => {
  const { page, account } = await newConsultant(t, suite);
  await signInByKeyboard(page);
  await readByKeyboard(page);
  await eraseByKeyboard(page);

  await tabTo(page, 'Audit trail', 'Shift+Tab');
  await press(page, 'Enter');
  await page.locator('#audit table').waitFor();
  assert.equal((await focused(page)).name, 'Audit trail');
  await tabTo(page, 'Skip to the content', 'Shift+Tab');
  await press(page, 'Enter');
  assert.equal((await focused(page)).id, 'main');
  await tabTo(page, 'Sign out', 'Shift+Tab');
  await press(page, 'Enter');
  await page.getByRole('heading', { name: 'Sign in to read conversations' }).waitFor();
  assertClean(suite, account);
});

// Emil's token has both roles; the page goes by what it is told of them.
test('who may erase and not read comes to the audit trail', async (t) => {
  const { page, account } = await newConsultant(t, suite);
  await page.route('**/api/desk/assistants', async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, json: { ...(await response.json()), roles: ['Desk.Erase'] } });
  });
  await page.goto(suite.desk);
  await signIn(page, 'emil');
  await page.locator('#audit table').waitFor();
  assert.match(page.url(), /!audit$/);
  assert.equal(await page.getByRole('link', { name: 'Conversations' }).count(), 0);
  await page.evaluate(() => (location.hash = '#/demo'));
  await page.waitForURL(/!audit$/);
  assertClean(suite, account);
});

test('the keyboard does not leave the dialog while it is open', async () => {
  const { page } = emil;
  await page.goto(suite.desk);
  await open(page, 'Carla Cards');
  await page.getByRole('button', { name: 'Erase…', exact: true }).click();
  for (const key of [...Array(8).fill('Tab'), ...Array(8).fill('Shift+Tab')]) {
    await page.keyboard.press(key);
    assert.ok(await page.evaluate(() => document.activeElement === document.body || document.activeElement.closest('dialog') !== null), key);
  }
  await page.keyboard.press('Escape');
});

/** Asserts that nothing is cut off at the sides, and that nothing scrolls sideways. */
async function assertFits(page, what) {
  const tooWide = await page.evaluate(() => {
    const places = [document.documentElement, ...document.querySelectorAll('#list, #list .scroll, #conversation, #conversation .scroll, #audit, dialog[open], .bar')];
    const scrolled = places.filter((box) => box.scrollWidth > box.clientWidth + 1);
    // Tables and rows of cards may, by themselves.
    const parts = [...document.querySelectorAll('body *')].filter((part) => part.checkVisibility() && !part.closest('.unseen, .skip, .table, .row, pre'));
    const isShortened = (part) => part !== null && (getComputedStyle(part).textOverflow === 'ellipsis' || isShortened(part.parentElement));
    const cut = parts.filter((part) => {
      const { left, right, width } = part.getBoundingClientRect();
      return width > 0 && (left < -1 || right > innerWidth + 1) && !isShortened(part);
    });
    return [...scrolled, ...cut].map((element) => element.outerHTML.slice(0, 100));
  });
  assert.deepEqual(tooWide, [], what);
}

/** Goes through all that there is, at the size of the page's window. */
async function tour(page, visit) {
  await page.goto(suite.desk);
  await listed(page).first().waitFor();
  await visit('list');
  await open(page, 'Carla Cards');
  await visit('conversation');
  await page.getByRole('button', { name: 'Erase…', exact: true }).click();
  await visit('erase');
  await page.keyboard.press('Escape');
  await page.goto(`${suite.desk}#/demo/!audit`);
  await page.locator('#audit table').waitFor();
  await visit('audit');
  await page.goto(suite.desk);
  await open(page, LONG_WORD.slice(0, 40));
  await visit('long-words');
}

for (const [size, options] of Object.entries({
  // What a window of 1280 x 800 has left at 200 %, and at 400 % (WCAG 2.1, 1.4.10).
  zoom: { viewport: { width: 640, height: 400 }, deviceScaleFactor: 2 },
  zoom400: { viewport: { width: 320, height: 200 }, deviceScaleFactor: 4 },
  phone: { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true }
})) {
  test(`${size}: all of it fits, and none of it scrolls sideways`, async (t) => {
    const { page, account } = await newSignedIn(t, suite, 'emil', options);
    await tour(page, async (place) => {
      await assertFits(page, place);
      // To axe what is magnified is the same as a phone.
      if (size === 'phone') await inspect(page, `desk-${size}-${place}`);
      else await screenshot(page, `desk-${size}-${place}`);
    });
    assertClean(suite, account);
  });
}

test('on a phone there is one thing at a time, and a way back', async (t) => {
  const { page } = await newSignedIn(t, suite, 'emil', { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true });
  await listed(page, 'Carla Cards').tap();
  await ended(page);
  assert.equal(await page.locator('#list').isVisible(), false);
  await page.getByRole('link', { name: 'Back to the list' }).tap();
  await listed(page, 'Carla Cards').waitFor();
  assert.equal(await page.locator('#conversation').isVisible(), false);
  assert.match((await focused(page)).name, /^Carla Cards/, 'back where it was left');
});

test('axe finds nothing amiss in a conversation with all that can be in one, nor in what opens', async () => {
  const { page } = emil;
  // Tall, since contrast is only looked at where something is in view.
  await page.setViewportSize({ width: 1200, height: 2400 });
  await page.goto(suite.desk);
  await listed(page, 'Carla Cards').waitFor();
  await inspect(page, 'desk-list');
  await open(page, 'Carla Cards');
  await inspect(page, 'desk-conversation');
  await openAll(page);
  await inspect(page, 'desk-conversation-opened');
  await page.setViewportSize({ width: 1200, height: 800 });
});

test('axe finds nothing amiss in the dialog, with what it says when it is mistaken, nor in the audit trail', async () => {
  const { page } = emil;
  await page.goto(suite.desk);
  await open(page, 'Carla Cards');
  await page.getByRole('button', { name: /Erase visitor/ }).click();
  await page.getByRole('dialog').getByRole('textbox').press('Enter');
  await inspect(page, 'desk-dialog');
  await page.keyboard.press('Escape');
  await page.getByRole('link', { name: 'Audit trail' }).click();
  await page.locator('#audit table').waitFor();
  await inspect(page, 'desk-audit-trail');
});

test('who wants less motion gets none', async (t) => {
  const { page } = await newConsultant(t, suite, { reducedMotion: 'reduce' });
  await page.route('**/api/desk/config', () => {});
  await page.goto(suite.desk);
  const spinner = page.locator('.spinner');
  await spinner.waitFor();
  assert.equal(await spinner.evaluate((element) => getComputedStyle(element).animationName), 'none');
});

test('in all of this nothing went wrong', () => {
  assertClean(suite, emil.account);
});
