import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createStorage, memoryArea, openArea } from '../storage.js';
import { fakeBrowser } from './fakes.mjs';

const grant = { token: 't', conversationId: 'c', domain: 'https://d', issuedAt: 1, expiresAt: 2 };

test('what is written is read by the next page', () => {
  const { area } = fakeBrowser().tab();
  createStorage({ area, name: 'a' }).writeGrant(grant);
  createStorage({ area, name: 'a' }).writeVisitor('v');
  const later = createStorage({ area, name: 'a' });
  assert.deepEqual(later.readGrant(), grant);
  assert.equal(later.readVisitor(), 'v');
});

test('two assistants on one site do not see each other', () => {
  const { area } = fakeBrowser().tab();
  createStorage({ area, name: 'a' }).writeGrant(grant);
  assert.equal(createStorage({ area, name: 'b' }).readGrant(), undefined);
});

test('what is stored and is no grant is nothing', () => {
  const area = memoryArea();
  const storage = createStorage({ area, name: 'a' });
  const broken = ['', 'x', 'null', '1', '[]', '{}', '{"token":1}', JSON.stringify({ ...grant, token: '' }), JSON.stringify({ ...grant, expiresAt: 'soon' })];
  for (const text of broken) {
    area.setItem('chatgate:a:grant', text);
    assert.equal(storage.readGrant(), undefined, text);
  }
});

test('another tab hears of a grant, and of nothing else', () => {
  const browser = fakeBrowser();
  const [one, other] = [browser.tab(), browser.tab()];
  const heard = [];
  const stop = createStorage({ ...other, name: 'a' }).onGrant((value) => heard.push(value));
  const writer = createStorage({ ...one, name: 'a' });
  writer.writeVisitor('v');
  writer.writeGrant(grant);
  writer.removeGrant();
  stop();
  writer.writeGrant(grant);
  assert.deepEqual(heard, [grant]);
});

test('blocked storage: memory takes its place', () => {
  const window = {
    get localStorage() {
      throw new DOMException('blocked', 'SecurityError');
    }
  };
  const storage = createStorage({ area: openArea(window), name: 'a' });
  storage.writeGrant(grant);
  assert.deepEqual(storage.readGrant(), grant);
});

test('full storage: the old grant goes, so that no page resumes with it', () => {
  const area = memoryArea();
  createStorage({ area, name: 'a' }).writeGrant(grant);
  const full = { ...area, setItem: () => { throw new DOMException('full', 'QuotaExceededError'); } };
  createStorage({ area: full, name: 'a' }).writeGrant({ ...grant, token: 'newer' });
  assert.equal(createStorage({ area, name: 'a' }).readGrant(), undefined);
});
