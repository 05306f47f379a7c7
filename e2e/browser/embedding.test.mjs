import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  INPUT, answered, newPage, newVisitor, openForeignPage, ready, say, screenshot, serveCDN, session, useBrowser, visit
} from './harness.mjs';

const suite = useBrowser();

const tag = (attributes = '') => `<script src="${suite.api}/site/widget.js" ${attributes} async></script>`;
const BODY = `<body style="font: 1rem/1.5 Georgia, serif; max-width: 44rem; margin: 3rem auto; padding: 0 1rem">
  <h1>A bank</h1><p>Opening hours, interest rates, and a chat in the corner.</p><p><a href="#rates">Interest rates</a></p>`;

/** A page of another site with the chat in its corner. */
async function visitBank(t, options = {}) {
  const context = await newVisitor(t, suite, options);
  await serveCDN(context);
  const page = await newPage(context);
  await openForeignPage(page, suite, `${BODY}${tag()}</body>`);
  return page;
}

const launcher = (page) => page.getByRole('button', { name: 'Open the chat' });

test('one tag on a page of another site: nothing is asked before the chat is opened', async (t) => {
  const context = await newVisitor(t, suite);
  await serveCDN(context);
  const page = await newPage(context);
  const calls = [];
  page.on('request', (request) => /GetNewToken|webchat@/.test(request.url()) && calls.push(request.url()));
  await openForeignPage(page, suite, `${BODY}${tag()}</body>`);
  await launcher(page).waitFor();
  await screenshot(page, 'foreign-closed');
  assert.deepEqual(calls, []);

  await launcher(page).click();
  await page.locator(INPUT).waitFor();
  await say(page, 'from another site');
  await screenshot(page, 'foreign-open');
  assert.equal(calls.length, 2);
  assert.deepEqual(page.complaints, []);
});

test('by keyboard alone: open, write, close, and be back where one was', async (t) => {
  const page = await visitBank(t);
  await launcher(page).waitFor();
  await page.keyboard.press('Tab');
  await page.keyboard.press('Tab');
  assert.equal(await launcher(page).evaluate((button) => button.getRootNode().activeElement === button), true);

  await page.keyboard.press('Enter');
  await page.locator(INPUT).waitFor();
  await page.waitForFunction((input) => document.activeElement?.matches(input), INPUT);
  await page.keyboard.type('no mouse');
  await page.keyboard.press('Enter');
  await answered(page, 'no mouse');

  await page.keyboard.press('Escape');
  await page.locator(INPUT).waitFor({ state: 'hidden' });
  await page.locator('chatgate-chat .launcher[aria-expanded=false]').waitFor();
  assert.equal(await launcher(page).evaluate((button) => button.getRootNode().activeElement === button), true);
  assert.deepEqual(page.complaints, []);
});

test('a chat opened on one page stays open on the next, and leaves the keyboard alone', async (t) => {
  const page = await visitBank(t);
  await launcher(page).click();
  await page.locator(INPUT).waitFor();
  await say(page, 'first page');
  await page.reload();
  await answered(page, 'first page');
  assert.equal(await page.evaluate(() => document.activeElement === document.body), true);
});

test('on a phone the panel takes the screen, and the page behind is out of reach', async (t) => {
  const page = await visitBank(t, { viewport: { width: 390, height: 780 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 });
  await launcher(page).tap();
  await page.locator(INPUT).waitFor();
  await say(page, 'from a phone');
  const panel = await page.locator('chatgate-chat dialog').boundingBox();
  assert.deepEqual([panel.x, panel.y, panel.width, panel.height].map(Math.round), [0, 0, 390, 780]);
  assert.equal(await page.locator('chatgate-chat dialog').evaluate((dialog) => dialog.matches(':modal')), true);
  await screenshot(page, 'phone');

  await page.getByRole('button', { name: 'Close the chat' }).tap();
  await launcher(page).waitFor();
});

test('in an element of the page, with a heading and in another language', async (t) => {
  const context = await newVisitor(t, suite);
  await serveCDN(context);
  const page = await newPage(context);
  // The tag stands before its target: it must wait for it.
  const html = `<body>${tag('data-target="#here" data-title="Fragen zur Karte" data-locale="de-CH"')}<div id="here" style="height: 30rem"></div></body>`;
  await openForeignPage(page, suite, html);
  await page.getByRole('heading', { name: 'Fragen zur Karte' }).waitFor();
  await page.getByPlaceholder('Nachricht eingeben').waitFor();
  assert.equal(await page.locator('#here chatgate-chat').getAttribute('lang'), 'de-CH');
});

// Web Chat 4.18 forgets the nonce on one of its style elements, which is empty
// when it is added: hence the hash of nothing.
const NO_STYLE = "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='";

test('under a policy with a nonce: the tag’s own nonce is passed on', async (t) => {
  const api = new URL(suite.url);
  const stream = `http://127.0.0.1:${api.port} ws://127.0.0.1:${api.port}`;
  const context = await newVisitor(t, suite);
  await serveCDN(context);
  const page = await newPage(context);
  await openForeignPage(page, suite, `<body>${tag('nonce="abc" data-open')}</body>`, {
    'Content-Security-Policy': `default-src 'none'; script-src 'nonce-abc' 'strict-dynamic'; style-src 'nonce-abc' ${NO_STYLE}; img-src data:; connect-src ${api.origin} ${stream}; base-uri 'none'`
  });
  await page.locator(INPUT).waitFor();
  await say(page, 'under a strict policy');
  assert.deepEqual(page.complaints, []);
});

test('the browser blocks storage: the chat works as long as the page lives', async (t) => {
  const context = await newVisitor(t, suite);
  await context.addInitScript(() => {
    for (const name of ['localStorage', 'sessionStorage']) {
      Object.defineProperty(window, name, { get: () => { throw new DOMException('blocked', 'SecurityError'); } });
    }
  });
  const page = await visit(context, suite);
  await say(page, 'in private');
  assert.deepEqual(page.complaints, []);
});

test('one assistant of several is chosen by the address of the sample page', async (t) => {
  const context = await newVisitor(t, suite);
  const page = await newPage(context);
  const asked = page.waitForRequest(/GetNewToken\/demo$/);
  await page.goto(`${suite.page}?assistant=demo`);
  await asked;
  await ready(page);
  assert.match(await page.locator('#snippet').textContent(), /data-assistant="demo"/);
});

test('a page brings its own Web Chat and uses the module', async (t) => {
  const context = await newVisitor(t, suite);
  await serveCDN(context);
  const page = await newPage(context);
  const { url } = await (await fetch(`${suite.api}/site/webchat.json`)).json();
  await openForeignPage(page, suite, `<body><div id="own" style="height: 30rem"></div>
    <script src="${url}"></script>
    <script type="module">
      import { startSession } from '${suite.api}/site/chatgate.js';
      const session = await startSession({ createDirectLine: WebChat.createDirectLine });
      WebChat.renderWebChat({ directLine: session.directLine }, document.querySelector('#own'));
      window.userId = session.state.userId;
    </script></body>`);
  await page.locator(INPUT).waitFor();
  // The bot spoke before Web Chat was there to listen.
  await page.locator('.webchat__bubble__content').first().waitFor();
  await say(page, 'by the module');
  assert.match(await page.evaluate(() => window.userId), /^dl_/);
  assert.deepEqual(page.complaints, []);
});

test('a selector that matches nothing is told to the page’s developer', async (t) => {
  const page = await newPage(await newVisitor(t, suite));
  const told = page.waitForEvent('console', (message) => message.text().includes('data-target="#nowhere"'));
  await openForeignPage(page, suite, `<body>${tag('data-target="#nowhere"')}</body>`);
  await told;
});

test('the snippet of the sample page can be copied', async (t) => {
  const context = await newVisitor(t, suite, { permissions: ['clipboard-read', 'clipboard-write'] });
  const page = await visit(context, suite);
  await page.getByRole('button', { name: 'Copy' }).click();
  await page.getByText('Copied.').waitFor();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), `<script src="${suite.api}/site/widget.js" async></script>`);
  assert.match((await session(page)).user, /^dl_/);
});
