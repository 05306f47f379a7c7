/**
 * What the browser tests share: a server, a browser, and pages that keep an
 * account of all that went wrong in them.
 *
 * BASE_URL names a running system (`make run`); without it a small server is
 * started here. Faults are made between the page and the server, so that the
 * same tests run against both.
 */
import { accessSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { after, before } from 'node:test';
import { fileURLToPath } from 'node:url';

import { chromium } from 'playwright-core';

import { startSmallServer } from './small-server.mjs';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const SCREENSHOTS = join(ROOT, 'artifacts/screenshots');

/** How Chromium is started. */
export const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  // A page made up by a test comes from no address, which counts as a public
  // one, and public pages may not call loopback.
  '--disable-features=LocalNetworkAccessChecks'
];

export const INPUT = '[data-id="webchat-sendbox-input"]';

/**
 * Starts the browser and the server for the tests of a file.
 *
 * @param {(suite: object) => Promise<void | (() => Promise<void>)>} [prepare]
 *   what else the tests need, and how to clear it away; hooks of their own would
 *   not wait for these
 * @returns {{ url: string, visit: typeof visit }} filled in before the first test
 */
export function useBrowser(prepare) {
  const suite = {};
  let server;
  let clear;
  before(async () => {
    suite.browser = await chromium.launch({ executablePath: findChromium(), headless: true, args: FLAGS });
    server = process.env.BASE_URL ? undefined : await startSmallServer();
    suite.url = (process.env.BASE_URL ?? server.url).replace(/\/+$/, '');
    suite.page = suite.url + '/api/site/chat/';
    suite.api = suite.url + '/api';
    clear = await prepare?.(suite);
  });
  after(async () => {
    try {
      await clear?.();
    } finally {
      await suite.browser?.close();
      await server?.stop();
    }
  });
  return suite;
}

/** The path of CHROMIUM, or of what of the kind is on PATH. */
export function findChromium() {
  const names = ['chromium', 'chromium-browser', 'google-chrome'];
  const folders = (process.env.PATH ?? '').split(delimiter);
  const candidates = [process.env.CHROMIUM, ...names.flatMap((name) => folders.map((folder) => join(folder, name)))];
  const found = candidates.find((path) => path && exists(path));
  if (!found) throw new Error('no Chromium on PATH; set CHROMIUM');
  return found;
}

function exists(path) {
  try {
    accessSync(path);
    return true;
  } catch {
    return false;
  }
}

/** A visitor: a browser profile of its own, closed at the end of the test. */
export async function newVisitor(t, suite, options = {}) {
  const context = await suite.browser.newContext({ viewport: { width: 1200, height: 800 }, ...options });
  context.setDefaultTimeout(15_000);
  t.after(() => context.close());
  return context;
}

/**
 * A page whose complaints are collected: errors of scripts, of the console
 * (content security policy included), and warnings.
 */
export async function newPage(context) {
  const page = await context.newPage();
  page.complaints = [];
  page.on('pageerror', (error) => page.complaints.push(`error: ${error.message}`));
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) page.complaints.push(`${message.type()}: ${message.text()}`);
  });
  return page;
}

/** Answers for the CDN with npm's file, so that the tests need no network. */
export async function serveCDN(context) {
  const { url, version } = JSON.parse(await readFile(join(ROOT, 'web/webchat.json'), 'utf8'));
  const body = await readFile(join(ROOT, '.cache/webchat', version, 'webchat.js'));
  await context.route(url, (route) => route.fulfill({ body, contentType: 'text/javascript', headers: { 'Access-Control-Allow-Origin': '*' } }));
}

/**
 * A page of another site. The system under test must allow its origin:
 * FOREIGN_ORIGIN, or else the system's own on 127.0.0.1 in place of localhost.
 */
export async function openForeignPage(page, suite, html, headers = {}) {
  const origin = process.env.FOREIGN_ORIGIN ?? suite.url.replace('localhost', '127.0.0.1');
  const address = `${origin}/elsewhere.html`;
  const head = '<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,"><title>A bank</title>';
  const body = `<!doctype html><html lang="en"><head>${head}</head>${html}</html>`;
  await page.route(address, (route) => route.fulfill({ contentType: 'text/html; charset=utf-8', headers, body }));
  await page.goto(address);
}

/** Opens the sample page and waits until the chat can be used. */
export async function visit(context, suite, path = '') {
  const page = await newPage(context);
  await page.goto(suite.page + path);
  await ready(page);
  return page;
}

export async function ready(page) {
  await page.locator('#state', { hasText: /^ready$/ }).waitFor();
  await page.locator(INPUT).waitFor();
}

/** Types a message and waits for the bot's answer to it. */
export async function say(page, text) {
  await page.fill(INPUT, text);
  await page.press(INPUT, 'Enter');
  await answered(page, text);
}

/** The bubbles with exactly this text; Web Chat repeats texts for screen readers elsewhere. */
export const bubble = (page, text) => page.locator('.webchat__bubble__content').getByText(text, { exact: true });

export const answered = (page, text) => bubble(page, `You said: ${text}`).waitFor();

/** What the page knows of its session. */
export const session = (page) =>
  page.evaluate(() => ({
    user: document.querySelector('#user').title,
    conversation: document.querySelector('#conversation').title,
    state: document.querySelector('#state').textContent
  }));

/** The line about the connection. */
export const notice = (page) => page.locator('chatgate-chat .message');

/**
 * Answers matching requests with a problem: the first ones up to the limit, until
 * the returned function is called.
 */
export async function refuse(page, pattern, { status, code, detail = code, headers = {}, limit = Infinity }) {
  const calls = [];
  const handler = (route) => {
    if (route.request().method() === 'OPTIONS' || calls.length >= limit) return route.fallback();
    calls.push(Date.now());
    return route.fulfill({
      status,
      contentType: 'application/problem+json',
      headers: { 'Access-Control-Allow-Origin': '*', 'Access-Control-Expose-Headers': 'Retry-After', ...headers },
      body: JSON.stringify({ code, detail, error: { code, message: code } })
    });
  };
  await page.route(pattern, handler);
  return { calls, end: () => page.unroute(pattern, handler) };
}

/** Lets the tests close the page's WebSockets, and refuse new ones. */
export async function holdSockets(page) {
  const sockets = { open: [], opened: 0, refuse: false };
  await page.routeWebSocket(/stream/, (socket) => {
    if (sockets.refuse) return socket.close();
    sockets.opened += 1;
    sockets.open.push(socket);
    socket.connectToServer();
  });
  sockets.cut = () => Promise.all(sockets.open.splice(0).map((socket) => socket.close({ code: 1001 })));
  return sockets;
}

export async function screenshot(page, name) {
  await mkdir(SCREENSHOTS, { recursive: true });
  await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`), animations: 'disabled' });
}
