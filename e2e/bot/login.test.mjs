// The login of docs/examples/botbuilder-js, with the real SDK: users of a bot log
// in on the local phone, and the bot asks the demo bank for them. BASE_URL names a
// running local system. The bot is the one that the local directory knows.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';

import { TestAdapter, TurnContext } from 'botbuilder';

import { loginTurn } from '../../docs/examples/botbuilder-js/login-bot.mjs';
import { ChatgateLogin, clientSecretToken } from '../../docs/examples/botbuilder-js/login.mjs';

const base = process.env.BASE_URL;
const bot = {
  tenant: process.env.LOGIN_TENANT ?? '5a1de000-0000-4000-8000-00000000de50',
  clientId: process.env.LOGIN_CLIENT_ID ?? 'c4a76a7e-0000-4000-8000-0000000000b0',
  clientSecret: process.env.LOGIN_CLIENT_SECRET ?? 'demo-bot-secret'
};

let missing; // why there is nothing to test

before(async () => {
  assert.ok(base, 'BASE_URL is not set; scripts/with-local.sh sets it');
  const { status } = await fetch(`${base}/api/login/demo/start`, { method: 'POST', body: '{}' });
  if (status !== 401) missing = `the local system offers no login (it answers ${status})`;
});

/** A chat with a bot that is made of the example and nothing else. */
async function chat(sessions = new Map()) {
  const { authority, clientId: api } = await (await fetch(`${base}/api/desk/config`)).json();
  const login = new ChatgateLogin({ url: base, assistant: 'demo', token: clientSecretToken({ ...bot, api, authority }) });
  const said = [];
  const later = ({ activity: received }) => (activity) => new TurnContext(adapter, received).sendActivity(activity);
  const answer = loginTurn({ login, later, sessions });
  const adapter = new TestAdapter(async (context) => {
    if (!(await answer(context))) await context.sendActivity(`you said ${context.activity.text}`);
  });
  adapter.conversation.conversation.id = `login-${process.pid}-${Date.now()}-${Math.random()}`;

  /** Returns what the bot says next. */
  async function hear() {
    for (const end = Date.now() + 30_000; ; await pause(50)) {
      const next = adapter.activityBuffer.shift();
      if (next) {
        said.push(next);
        return next.text;
      }
      assert.ok(Date.now() < end, `the bot says nothing after ${JSON.stringify(said)}`);
    }
  }
  const say = async (text) => {
    await adapter.receiveActivity(text);
    return hear();
  };
  return { login, said, say, hear };
}

/** Does on the phone what its user would, if it shows the code. */
async function onPhone(code, decision) {
  const page = await (await fetch(`${base}/local/phone`)).text();
  const [, prompt] = /name="prompt" value="([^"]+)"/.exec(page.split('<section').find((one) => one.includes(code))) ?? [];
  assert.ok(prompt, `the phone does not show ${code}`);
  await fetch(`${base}/local/phone`, { method: 'POST', body: new URLSearchParams({ prompt, decision }) });
}

const codeIn = (text) => /\b[B-DF-HJ-NP-TV-XZ2-9]{3}-[B-DF-HJ-NP-TV-XZ2-9]{3}\b/.exec(text)?.[0];

test('a user logs in, asks for the balance and logs out', async (t) => {
  if (missing) return t.skip(missing);
  const sessions = new Map();
  const { say, hear, said, login } = await chat(sessions);
  assert.match(await say('balance'), /log in first/);
  await onPhone(codeIn(await say('log in as ada')), 'accept');
  assert.equal(await hear(), 'You are logged in.');
  assert.match(await say('balance'), /^Your balance is EUR [0-9.]+\.$/);

  const [session] = sessions.values();
  assert.equal(session.token.split('.').length, 5, 'the token is not sealed');
  assert.ok(!JSON.stringify([...sessions, said]).includes('bank-token-'), 'the bot has the token of the bank');
  const elsewhere = { ...session, conversationId: 'another' };
  await assert.rejects(login.call(elsewhere, 'balance'), { status: 404, code: 'login_unknown' });
  await assert.rejects(login.call(session, '..%2f'), { status: 400, code: 'path_not_allowed' });

  assert.match(await say('log out'), /logged out/);
  assert.match(await say('balance'), /log in first/);
  assert.equal(await say('hello'), 'you said hello');
});

// Cleo, since whom a test in the browser asks and has decline is not asked again for a while.
test('a user declines, and is not asked again at once', async (t) => {
  if (missing) return t.skip(missing);
  const { say, hear } = await chat();
  const code = codeIn(await say('log in as cleo'));
  const again = await say('log in as cleo');
  assert.match(again, /^A login is waiting for you already, under the code /);
  assert.match(again, / or ask again in (\d+ seconds|\d+ minutes)\.$/);
  assert.equal(codeIn(again), code);
  await onPhone(code, 'deny');
  assert.equal(await hear(), 'You declined.');
  assert.match(await say('log in as cleo'), /just declined. Ask again in \d+ seconds/);
});

test('a user says log out while a login waits, and wants it after all', async (t) => {
  if (missing) return t.skip(missing);
  const sessions = new Map();
  const { say, hear } = await chat(sessions);
  const code = codeIn(await say('log in as ada'));
  assert.match(await say('log out'), /I no longer wait for the login/);
  assert.equal(await say('log out'), 'You are logged out.');
  assert.equal(codeIn(await say('log in as ada')), code);
  await onPhone(code, 'accept');
  assert.equal(await hear(), 'You are logged in.');
  assert.equal(sessions.size, 1);
});

test('nothing comes of a login that its user no longer waits for', async (t) => {
  if (missing) return t.skip(missing);
  const sessions = new Map();
  const { say, login } = await chat(sessions);
  const ended = new Promise((done) => {
    t.mock.method(login, 'signOut', async (session) => done(session));
  });
  const code = codeIn(await say('log in as ada'));
  await say('log out');
  await onPhone(code, 'accept');
  assert.equal((await ended).token.split('.').length, 5, 'the token is not given back');
  assert.equal(sessions.size, 0);
  assert.match(await say('balance'), /log in first/);
});

test('a stranger, and a handle of somebody else, are refused', async (t) => {
  if (missing) return t.skip(missing);
  const { login } = await chat();
  const who = { conversationId: `login-${process.pid}-${Date.now()}`, userId: 'dl_ada' };
  const started = await login.start(who, { hint: `nobody-${process.pid}` });
  await assert.rejects(login.decided(started, { ...who, userId: 'dl_bo' }), { status: 404, code: 'login_unknown' });
  const nobody = new ChatgateLogin({ url: base, assistant: 'demo', token: async () => 'no.token.atall' });
  await assert.rejects(nobody.start(who), { status: 401 });
});
