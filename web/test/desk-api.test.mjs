import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createApi } from '../desk/api.js';

const base = 'https://app.example/api/desk/';
const json = (body, status = 200) => new Response(JSON.stringify(body), { status });

/** An API whose server gives the answers in turn; tells what was asked. */
function open(...answers) {
  const asked = [];
  const tokens = [];
  const fetch = async (url, init) => {
    asked.push({ method: init.method ?? 'GET', url: String(url), token: init.headers?.Authorization, init });
    const answer = answers.shift();
    if (answer instanceof Error) throw answer;
    return answer;
  };
  const token = async (options = {}) => {
    tokens.push(options);
    return `token${tokens.length}`;
  };
  return { api: createApi({ fetch, token, base }), asked, tokens };
}

test('addresses', async () => {
  const { api, asked } = open(...Array.from({ length: 7 }, () => json({})));
  await api.config();
  await api.assistants();
  await api.conversations('bankx', { from: '2026-11-20T23:00:00.000Z', cursor: 'a+b' });
  await api.conversation('bankx', 'k=1~2', '');
  await api.audit('bankx');
  await api.eraseConversation('bankx', 'k');
  await api.eraseUser('bankx', '../a/b?c');
  assert.deepEqual(asked.map(({ method, url }) => `${method} ${url.slice(base.length)}`), [
    'GET config',
    'GET assistants',
    'GET assistants/bankx/conversations?from=2026-11-20T23%3A00%3A00.000Z&cursor=a%2Bb&limit=50',
    'GET assistants/bankx/conversations/k%3D1~2?limit=100',
    'GET assistants/bankx/audit?limit=100',
    'DELETE assistants/bankx/conversations/k',
    'DELETE assistants/bankx/users?userId=..%2Fa%2Fb%3Fc'
  ]);
  assert.deepEqual(asked.map((one) => one.token !== undefined), [false, true, true, true, true, true, true]);
});

test('a name that is a place in the path is not asked for', async () => {
  const { api, asked } = open();
  await assert.rejects(async () => api.eraseConversation('bankx', '..'), { code: 'bad_request' });
  await assert.rejects(async () => api.conversations('.'), { code: 'bad_request' });
  assert.equal(asked.length, 0);
});

test('neither cookies nor redirects, and nothing out of a cache', async () => {
  const { api, asked } = open(json({}));
  await api.assistants();
  const { credentials, redirect, cache } = asked[0].init;
  assert.deepEqual({ credentials, redirect, cache }, { credentials: 'omit', redirect: 'error', cache: 'no-store' });
});

test('a token that is no longer taken is renewed, once', async () => {
  const { api, asked, tokens } = open(json({ code: 'token_expired' }, 401), json({ items: [] }));
  assert.deepEqual(await api.assistants(), { items: [] });
  assert.deepEqual(asked.map((one) => one.token), ['Bearer token1', 'Bearer token2']);
  assert.deepEqual(tokens, [{}, { renew: true }]);
});

test('refused again, the session is over', async () => {
  const refusal = () => json({ code: 'token_invalid' }, 401);
  const { api } = open(refusal(), refusal());
  await assert.rejects(api.assistants(), (error) => error.endsSession && error.code === 'token_invalid');
});

test('what the server says about a problem is kept', async () => {
  const { api } = open(json({ code: 'role_missing', detail: 'You lack Desk.Erase.', invocationId: 'i-1' }, 403));
  await assert.rejects(api.eraseConversation('bankx', 'k'), { code: 'role_missing', status: 403, detail: 'You lack Desk.Erase.', reference: 'i-1', endsSession: false });
});

test('answers that are no problem documents still are problems', async () => {
  const answers = [new Response('<html>', { status: 502 }), json(null, 500), json({ code: 1, detail: {}, invocationId: [] }, 503)];
  for (const answer of answers) {
    const { api } = open(answer);
    await assert.rejects(api.assistants(), (error) => error.code === `http_${answer.status}` && error.detail.length > 0 && error.reference === '');
  }
});

test('a code that all objects have as a name is no text', async () => {
  const { api } = open(json({ code: 'constructor' }, 500));
  await assert.rejects(api.assistants(), (error) => typeof error.detail === 'string' && error.detail.startsWith('Something'));
});

test('no answer, and answers that cannot be read', async () => {
  await assert.rejects(open(new TypeError('failed')).api.assistants(), { code: 'network', status: 0 });
  await assert.rejects(open(new Response('{"items":')).api.assistants(), { code: 'bad_answer' });
  await assert.rejects(open(json(null)).api.assistants(), { code: 'bad_answer' });
});

test('whoever stops waiting is not told of a failure', async () => {
  const abort = new DOMException('stopped', 'AbortError');
  await assert.rejects(open(abort).api.conversation('a', 'k', '', new AbortController().signal), { name: 'AbortError' });
});

test('a transcript is handed over as it came', async () => {
  const { api, asked } = open(new Response('[{"type":"message"}]'));
  const blob = await api.transcript('bankx', 'k');
  assert.equal(await blob.text(), '[{"type":"message"}]');
  assert.match(asked[0].url, /\?format=transcript$/);
});
