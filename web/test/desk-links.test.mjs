import assert from 'node:assert/strict';
import { test } from 'node:test';

import { describeAddress, safeLink } from '../desk/links.js';

test('absolute http and https addresses are links', () => {
  for (const address of ['https://example.com/a?b=c#d', 'http://example.com', 'HTTPS://EXAMPLE.COM/', 'https://例え.example/']) {
    assert.match(safeLink(address).href, /^https?:\/\//, address);
  }
});

test('everything else stays text', () => {
  const refused = [
    'javascript:alert(1)',
    'JaVaScRiPt:alert(1)',
    'java\tscript:alert(1)',
    'java\nscript:alert(1)',
    '\u0001javascript:alert(1)',
    ' https://example.com',
    'https://exa mple.com',
    'https:\\\\example.com',
    'data:text/html,<script>alert(1)</script>',
    'vbscript:x',
    'blob:https://example.com/1',
    'file:///etc/passwd',
    'tel:123',
    'mailto:a@example.com',
    '//example.com',
    '/relative',
    'example.com',
    '',
    'https://',
    'https://bank.example@evil.example/',
    'https://user:secret@example.com/',
    `https://example.com/${'a'.repeat(5_000)}`,
    undefined,
    null,
    1,
    {},
    ['https://example.com']
  ];
  for (const address of refused) assert.equal(safeLink(address), undefined, String(address).slice(0, 60));
});

test('an object that pretends to be text is none', () => {
  assert.equal(safeLink({ toString: () => 'https://example.com' }), undefined);
});

test('what data URLs hold is not shown as an address', () => {
  assert.equal(describeAddress('data:image/png;base64,AAAA'), 'held in the message');
  assert.equal(describeAddress(' DATA:,x'), 'held in the message');
  assert.equal(describeAddress('cid:picture'), 'cid:picture');
  assert.equal(describeAddress({}), '');
});
