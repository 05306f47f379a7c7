import assert from 'node:assert/strict';
import { test } from 'node:test';

import { formatRoute, isKey, parseRoute } from '../desk/router.js';

const key = 'RuMT=2fZ9TMNVd_f1~x-y.z';

test('a route comes back from its address', () => {
  const routes = [
    { view: 'list' },
    { view: 'list', assistant: 'bankx' },
    { view: 'conversation', assistant: 'bankx', key },
    { view: 'audit', assistant: 'bankx' }
  ];
  for (const route of routes) assert.deepEqual(parseRoute(formatRoute(route)), route);
});

test('the case of an assistant does not count, that of a key does', () => {
  assert.deepEqual(parseRoute(`#/BankX/${key}`), { view: 'conversation', assistant: 'bankx', key });
});

test('an assistant named audit can be read', () => {
  assert.deepEqual(parseRoute('#/audit'), { view: 'list', assistant: 'audit' });
});

test('what cannot be understood shows the list', () => {
  for (const fragment of ['', '#', '#/', '#code=1&state=2', '#/../x', '#/a b', `#/${'a'.repeat(33)}`, '#/a/b/c', '#//key']) {
    assert.deepEqual(parseRoute(fragment), { view: 'list' }, fragment);
  }
  for (const fragment of ['#/bankx/', '#/bankx/..', '#/bankx/.', '#/bankx/%2e%2e', '#/bankx/a?b', '#/bankx/a"b', `#/bankx/${'a'.repeat(501)}`]) {
    assert.deepEqual(parseRoute(fragment), { view: 'list', assistant: 'bankx' }, fragment);
  }
});

test('keys are what the store makes, and nothing that changes a path', () => {
  assert.ok(isKey(key));
  for (const text of ['', '.', '..', 'a/b', 'a%2fb', 'a b', 'ä', 'a\n', '!audit']) assert.ok(!isKey(text), text);
});
