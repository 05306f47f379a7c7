import assert from 'node:assert/strict';
import { test } from 'node:test';

import { INPUT, newPage, newVisitor, refuse, say, screenshot, useBrowser, visit } from './harness.mjs';

const suite = useBrowser();

const isWithin = (page) => page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth);

test('dark', async (t) => {
  const page = await visit(await newVisitor(t, suite, { colorScheme: 'dark' }), suite);
  await say(page, 'in the dark');
  await screenshot(page, 'dark');
});

test('from light to dark while the chat is open: nothing is lost', async (t) => {
  const page = await visit(await newVisitor(t, suite, { colorScheme: 'light' }), suite);
  await say(page, 'at dusk');
  await page.emulateMedia({ colorScheme: 'dark' });
  await page.locator('.webchat__send-box__main').and(page.locator(':visible')).waitFor();
  await page.waitForFunction(() => getComputedStyle(document.querySelector('.webchat__send-box__main')).backgroundColor === 'rgb(21, 24, 29)');
  await say(page, 'at night');
  assert.deepEqual(page.complaints, []);
});

test('the sample page on a phone', async (t) => {
  const page = await visit(await newVisitor(t, suite, { viewport: { width: 390, height: 780 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2 }), suite);
  await say(page, 'hello');
  assert.ok(await isWithin(page));
  await screenshot(page, 'sample-phone');
});

test('at 200 %: nothing is cut off, nothing scrolls sideways', async (t) => {
  // What a window of 1200 x 800 has left at that magnification.
  const page = await visit(await newVisitor(t, suite, { viewport: { width: 600, height: 400 }, deviceScaleFactor: 2 }), suite);
  await say(page, 'large');
  assert.ok(await isWithin(page));
  await screenshot(page, 'zoom');
});

test('without motion', async (t) => {
  const page = await newPage(await newVisitor(t, suite, { reducedMotion: 'reduce' }));
  await page.route('**/api/GetNewToken**', () => {});
  await page.goto(suite.page);
  const spinner = page.locator('chatgate-chat .spinner');
  await spinner.waitFor();
  assert.equal(await spinner.evaluate((element) => getComputedStyle(element).animationName), 'none');
  await screenshot(page, 'connecting');
});

test('away, in the dark', async (t) => {
  const page = await newPage(await newVisitor(t, suite, { colorScheme: 'dark' }));
  await refuse(page, '**/api/GetNewToken**', { status: 502, code: 'direct_line_unavailable' });
  await page.goto(suite.page);
  await page.getByRole('button', { name: 'Try again' }).waitFor();
  await screenshot(page, 'dark-away');
});

test('cards keep to the colours, light and dark', async (t) => {
  for (const colorScheme of ['light', 'dark']) {
    const page = await visit(await newVisitor(t, suite, { colorScheme }), suite);
    await page.fill(INPUT, 'card');
    await page.press(INPUT, 'Enter');
    const button = page.locator('.ac-pushButton').first();
    await button.waitFor();
    assert.equal(await button.evaluate((element) => getComputedStyle(element).backgroundColor), 'rgba(0, 0, 0, 0)');
    await screenshot(page, `cards-${colorScheme}`);
    assert.deepEqual(page.complaints, []);
  }
});
