/**
 * What the tests of the login share: chats and phones whose every word and answer
 * is kept, to be searched for what must never get there; browsers that send
 * third-party cookies; a system with settings of its own; a client that is not
 * Web Chat.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { chromium } from 'playwright-core';

import { FLAGS, INPUT, findChromium, newVisitor } from './harness.mjs';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/**
 * What the tokens and handles of the stand-ins begin with: the bank's, and those of
 * the Token Service. The handler may know them, and nobody else behind it.
 */
const SECRETS = ['bank-token-', 'bank-refresh-', 'bank-polling-', 'connection-token-'];

/** What the browser is told: bodies, headers, frames, and what pages show. */
export class Watch {
  #contexts = [];
  #reading = [];
  #heard = [];

  /** Watches every page of a context; hands the context back. */
  follow(context) {
    this.#contexts.push(context);
    context.on('response', (response) => this.#reading.push(this.#read(response)));
    context.on('page', (page) => this.#listen(page));
    context.pages().forEach((page) => this.#listen(page));
    return context;
  }

  #listen(page) {
    page.on('console', (message) => this.#hear('console', message.text()));
    page.on('websocket', (socket) => {
      for (const way of ['framereceived', 'framesent']) socket.on(way, ({ payload }) => this.#hear(socket.url(), String(payload)));
    });
  }

  async #read(response) {
    const request = response.request();
    this.#hear(response.url(), JSON.stringify(await request.allHeaders().catch(() => '')) + (request.postData() ?? ''));
    this.#hear(response.url(), JSON.stringify(await response.allHeaders().catch(() => '')));
    this.#hear(response.url(), await response.text().catch(() => '')); // redirects have none, nor has what a closed page left
  }

  #hear(where, text) {
    this.#heard.push([where, text]);
  }

  /**
   * Searches all of it, and requires that `expected` is there: a watch that sees
   * nothing finds nothing.
   */
  async check(expected) {
    for (const page of this.#contexts.flatMap((context) => context.pages())) {
      if (page.url() === 'about:blank') continue; // with which a browser opens
      this.#hear(`the page ${page.url()}`, await page.content());
      this.#hear(`the storage of ${page.url()}`, await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }])));
    }
    await Promise.all(this.#reading);
    for (const text of expected) assert.ok(this.#heard.some(([, heard]) => heard.includes(text)), `the watch did not see ${text}`);
    for (const [where, text] of this.#heard) nothingSecret(where, text);
  }
}

/** Fails if text holds a token of a user's. */
export function nothingSecret(where, text) {
  for (const secret of SECRETS) assert.ok(!text.includes(secret), `${where} holds ${secret}…`);
}

/** Every file below a folder, as text in which what is ASCII can be found. */
export async function* filesBelow(folder) {
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath ?? entry.path, entry.name);
    if (entry.isFile()) yield [path, await readFile(path, 'latin1')];
  }
}

/** Types a message; what comes of it, the caller waits for. */
export async function type(page, text) {
  await page.fill(INPUT, text);
  await page.press(INPUT, 'Enter');
}

/** The bot's bubbles whose text matches. */
export const said = (page, pattern) => page.locator('.webchat__bubble__content').getByText(pattern);

/** The newest code that the chat shows for comparison with the phone. */
export async function shownCode(page) {
  const code = said(page, /^I asked your phone/).last().locator('strong');
  await code.waitFor();
  return code.innerText();
}

/** Opens the phone beside the chat, and finds the question with the code. */
export async function pickUpPhone(page, system, code) {
  const phone = await page.context().newPage();
  await phone.goto(`${system}/local/phone`);
  const question = phone.locator('section.prompt').filter({ has: phone.getByRole('heading', { name: code }) });
  await question.waitFor();
  return {
    page: phone,
    who: () => question.locator('.who strong').last().innerText(),
    decide: async (button) => {
      await question.getByRole('button', { name: button }).click();
      await question.waitFor({ state: 'detached' });
    }
  };
}

/** Clicks what opens a window, and returns the window where it has come to rest. */
export async function openedBy(page, button) {
  const [opened] = await Promise.all([page.context().waitForEvent('page'), button.click()]);
  await opened.waitForURL(/\/signin\?/);
  return opened;
}

/** Picks an account on the page of a sign-in link. */
export async function signInAs(page, name) {
  await page.getByRole('button', { name }).click();
  await page.waitForURL(/PostSignInCallback/);
}

/** The code on the page at the end of a sign-in. */
export const codeOn = (page) => page.locator('#code');

/**
 * A visitor whose browser sends third-party cookies, as most do that are not set
 * up to block them. Chromium has no flag for it, and Playwright's contexts do not
 * read preferences.
 */
export async function newTrustingVisitor(t) {
  const profile = await mkdtemp(join(tmpdir(), 'chatgate-profile-'));
  await mkdir(join(profile, 'Default'));
  await writeFile(join(profile, 'Default/Preferences'), JSON.stringify({ profile: { cookie_controls_mode: 0 } }));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: findChromium(),
    headless: true,
    args: FLAGS,
    viewport: { width: 1200, height: 800 }
  });
  context.setDefaultTimeout(15_000);
  t.after(async () => {
    await context.close();
    await rm(profile, { recursive: true, force: true, maxRetries: 5 });
  });
  return context;
}

/** The visitors of two kinds of browsers. */
export const newVisitorOf = { blocking: newVisitor, trusting: newTrustingVisitor };

/** Runs a system of the test's own, with flags; returns its address. */
export async function startSystem(t, ...flags) {
  const { version } = JSON.parse(await readFile(join(ROOT, 'web/webchat.json'), 'utf8'));
  const data = await mkdtemp(join(tmpdir(), 'chatgate-system-'));
  const webChat = join(ROOT, '.cache/webchat', version, 'webchat.js');
  const system = spawn(join(ROOT, '.cache/bin/chatgate-local'), ['-port', '0', '-data', data, '-webchat', webChat, ...flags], { cwd: ROOT });
  const ended = new Promise((resolve) => system.once('exit', resolve));
  t.after(async () => {
    system.kill('SIGINT');
    await ended;
    await rm(data, { recursive: true, force: true });
  });
  return new Promise((resolve, reject) => {
    let output = '';
    const hear = (chunk) => {
      output += chunk;
      if (output.includes('Ctrl-C stops everything')) resolve(/http:\/\/localhost:\d+/.exec(output)[0]);
    };
    system.stdout.on('data', hear);
    system.stderr.on('data', hear);
    system.once('error', reject);
    system.once('exit', () => reject(new Error(`the system ended:\n${output}`)));
  });
}

/** Ends the handler by SIGKILL, as the loss of an instance does; returns its id. */
export function killHandler() {
  const pid = handler();
  process.kill(pid, 'SIGKILL');
  return pid;
}

/** The process of the handler: the one child of the local system. */
export const handler = () => Number(execFileSync('pgrep', ['-P', process.env.LOCAL_PID], { encoding: 'utf8' }).trim());

/**
 * A chat page without Web Chat or any library, which does what docs/end-user-login.md says:
 * it speaks Direct Line itself, and extends sign-in links by its session's id.
 */
export async function openCustomClient(context, suite) {
  const page = await context.newPage();
  await page.route(`${suite.url}/custom/sign-in.mjs`, async (route) =>
    route.fulfill({ contentType: 'text/javascript', body: await readFile(join(ROOT, 'docs/examples/custom-client/sign-in.mjs'), 'utf8') })
  );
  await page.route(`${suite.url}/custom/`, (route) => route.fulfill({ contentType: 'text/html; charset=utf-8', body: CUSTOM_CLIENT }));
  await page.goto(`${suite.url}/custom/`);
  return {
    page,
    say: async (text) => {
      await page.getByLabel('Message').fill(text);
      await page.getByLabel('Message').press('Enter');
    },
    said: (pattern) => page.getByRole('listitem').getByText(pattern),
    signIn: page.getByRole('button', { name: 'Sign in' }).last()
  };
}

const CUSTOM_CLIENT = `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>A client of one's own</title><link rel="icon" href="data:,">
<ul id="chat" aria-live="polite"></ul>
<form><label>Message <input required autocomplete="off" disabled></label></form>
<script type="module">
  import { sessionId, signInButtons, signInLink } from './sign-in.mjs';

  const json = async (url, init) => {
    const response = await fetch(url, init);
    if (!response.ok) throw new Error(url + ': ' + response.status);
    return response.json();
  };
  const grant = await json('/api/GetNewToken/demo', { method: 'POST' });
  const headers = { Authorization: 'Bearer ' + grant.token, 'Content-Type': 'application/json' };
  const { conversationId } = await json(grant.domain + '/conversations', { method: 'POST', headers });
  const activities = grant.domain + '/conversations/' + conversationId + '/activities';
  const session = await sessionId(grant);

  const form = document.querySelector('form');
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const text = form.querySelector('input').value;
    form.reset();
    json(activities, { method: 'POST', headers, body: JSON.stringify({ type: 'message', text, from: { id: grant.userId } }) });
  });
  form.querySelector('input').disabled = false;

  function show(activity) {
    const item = document.createElement('li');
    item.append(activity.text ?? '');
    for (const button of signInButtons(activity)) {
      const shown = document.createElement('button');
      shown.textContent = button.title;
      shown.addEventListener('click', () => window.open(signInLink(button, session), '_blank', 'noopener'));
      item.append(shown);
    }
    document.querySelector('#chat').append(item);
  }

  let watermark = '';
  async function look() {
    const set = await json(activities + '?watermark=' + watermark, { headers });
    watermark = set.watermark;
    set.activities.forEach(show);
    setTimeout(look, 300);
  }
  look();
</script>
</html>`;
