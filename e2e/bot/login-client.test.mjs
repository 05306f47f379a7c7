// What ChatgateLogin of docs/examples/botbuilder-js makes of Chatgate's answers,
// with a server that gives them out as a test says.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { afterEach, beforeEach, test } from 'node:test';

import { ChatgateLogin, clientSecretToken } from '../../docs/examples/botbuilder-js/login.mjs';

const who = { conversationId: 'c', userId: 'u' };
const started = { login: 'sealed', expires_in: 60, interval: 0.01 };

let server;
let url;
let calls;
let answers; // functions of a call, taken one after the other

beforeEach(async () => {
  calls = [];
  answers = [];
  server = createServer(async (request, response) => {
    let text = '';
    for await (const part of request) text += part;
    const call = { path: request.url, headers: request.headers, text, body: text.startsWith('{') ? JSON.parse(text) : undefined };
    calls.push(call);
    const { status = 200, headers = {}, body } = answers.shift()(call);
    response.writeHead(status, headers).end(body && JSON.stringify(body));
  });
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  url = `http://127.0.0.1:${server.address().port}`;
});

afterEach(() => new Promise((closed) => server.close(closed).closeAllConnections()));

const client = () => new ChatgateLogin({ url, assistant: 'demo', token: async () => 'bot' });
const says = (body) => () => ({ body });
const problem = (status, code, retry) => () => ({ status, body: { code, detail: 'why' }, headers: retry ? { 'Retry-After': `${retry}` } : {} });
const backend = (body, status = 200) => () => ({ status, body, headers: { 'X-Backend-Status': `${status}` } });

test('it polls until the user has decided, over slow_down and outages', async () => {
  answers = [
    says({ status: 'authorization_pending', interval: 0.01 }),
    problem(503, 'login_unavailable', 0.02),
    says({ status: 'slow_down', interval: 0.01 }),
    says({ status: 'approved', interval: 0.01, token: 'sealed', expires_in: 60 })
  ];
  assert.equal((await client().decided(started, who)).token, 'sealed');
  assert.deepEqual(calls[0].body, { login: 'sealed', ...who });
  assert.equal(calls[0].path, '/api/login/demo/poll');
  assert.equal(calls[0].headers.authorization, 'Bearer bot');
});

test('a typed code is sent until it was looked at', async () => {
  const codes = [undefined, '123456'];
  answers = ['authorization_pending', 'slow_down', 'authorization_pending', 'access_denied'].map((status) => says({ status, interval: 0.01 }));
  await client().decided(started, who, { typed: () => codes.shift() });
  assert.deepEqual(calls.map(({ body }) => body.code), [undefined, '123456', '123456', undefined]);
});

test('a refusal ends the polls, and so does the end of the login', async () => {
  answers = [problem(404, 'login_unknown')];
  await assert.rejects(client().decided(started, who), { status: 404, code: 'login_unknown' });
  answers = Array(100).fill(says({ status: 'authorization_pending', interval: 0.01 }));
  assert.equal((await client().decided({ ...started, expires_in: 0.05 }, who)).status, 'expired_token');
});

test('calls that find the token expired refresh it once together', async () => {
  const answer = ({ path, headers }) => {
    if (path === '/api/login/demo/refresh') return { body: { token: 'new', expires_in: 60 } };
    return headers['x-login-token'] === 'new' ? backend({ path })() : problem(409, 'login_again')();
  };
  answers = Array(5).fill(answer);
  const session = { conversationId: 'c', token: 'old' };
  const init = { method: 'POST', body: '{"amount":1}', headers: { 'Content-Type': 'application/json' } };
  const [one, two] = await Promise.all([0, 1].map((i) => client().call(session, `path/${i}`, init)));
  assert.equal((await one.json()).path, '/api/backend/demo/path/0');
  assert.equal(two.status, 200);
  assert.equal(calls.filter(({ path }) => path.endsWith('/refresh')).length, 1);
  assert.equal(session.token, 'new');
  assert.ok(calls.filter(({ path }) => path.includes('backend')).every(({ text, headers }) => text === init.body && headers['x-conversation-id'] === 'c'));
});

test('what the client system says is told from what Chatgate says', async () => {
  answers = [backend({ code: 'login_again' }, 409), problem(502, 'backend_unavailable'), problem(409, 'login_again'), problem(409, 'login_again')];
  const session = { conversationId: 'c', token: 't' };
  assert.equal((await client().call(session, 'x')).status, 409);
  await assert.rejects(client().call(session, 'x'), { status: 502, code: 'backend_unavailable' });
  await assert.rejects(client().call(session, 'x'), { code: 'login_again' });
  assert.equal(calls.length, 4);
});

test('a path stays under the back end, whatever a user has typed into it', async () => {
  const session = { conversationId: 'c', token: 't' };
  const outside = [
    '..', '../demo/x', '../../login/demo/signout', '%2e%2e/%2E%2e/login/demo/signout', 'a/../../../login/x', 'a/..', 'a/../b', './a', 'a/.',
    '..\\..\\login', 'a\\..\\b', '.\t.', '.\n./x', '.. ', 'a/.. ', 'a/..\x00', '%2e', '.%2e?x', '..#x', '../../../../', `accounts/${encodeURIComponent('..')}`
  ];
  for (const path of outside) {
    await assert.rejects(client().call(session, path), { name: 'TypeError' }, path);
  }
  assert.equal(calls.length, 0);

  const inside = {
    '': '', 'a/b/': 'a/b/', 'a?next=../b#/../c': 'a?next=../b', 'a..b/...': 'a..b/...', '//evil.example/x': '//evil.example/x',
    [`accounts/${encodeURIComponent('../../login?a#b')}`]: 'accounts/..%2F..%2Flogin%3Fa%23b',
    'https://evil.example/x': 'https://evil.example/x'
  };
  for (const [path, arrives] of Object.entries(inside)) {
    answers = [backend({})];
    await client().call(session, path);
    assert.equal(calls.at(-1).path, `/api/backend/demo/${arrives}`);
  }
});

test("the bot's own token is kept until shortly before it expires", async (t) => {
  t.mock.timers.enable({ apis: ['Date'] });
  answers = [says({ access_token: 'one', expires_in: 301 }), says({ access_token: 'two', expires_in: 3600 })];
  const token = clientSecretToken({ tenant: 't', clientId: 'b', clientSecret: 's', api: 'a', authority: url });
  assert.deepEqual([await token(), await token()], ['one', 'one']);
  t.mock.timers.tick(1001);
  assert.deepEqual([await token(), await token()], ['two', 'two']);
  assert.equal(calls[0].path, '/t/oauth2/v2.0/token');
  assert.match(calls[0].text, /grant_type=client_credentials.*scope=api%3A%2F%2Fa%2F\.default/);
});
