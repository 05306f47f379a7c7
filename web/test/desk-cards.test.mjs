import assert from 'node:assert/strict';
import { test } from 'node:test';

import { withDates } from '../desk/adaptive.js';
import { attachmentBlocks, attachmentsOf } from '../desk/attachments.js';
import { Budget } from '../desk/blocks.js';
import { choiceOf } from '../desk/classic.js';

const ADAPTIVE = 'application/vnd.microsoft.card.adaptive';
const adaptive = (body, more = {}) => show({ contentType: ADAPTIVE, content: { type: 'AdaptiveCard', body, ...more } });
const classic = (name, content) => show({ contentType: `application/vnd.microsoft.card.${name}`, content });

/** The blocks of an attachment; those of a card without its frame. */
function show(attachment) {
  const blocks = attachmentBlocks(attachment, new Budget());
  return blocks.length === 1 && blocks[0].look === 'card' ? blocks[0].blocks : blocks;
}

test('text of an adaptive card keeps what it is, and may have marks', () => {
  assert.deepEqual(
    adaptive([
      { type: 'TextBlock', text: 'Title', size: 'Large' },
      { type: 'TextBlock', text: 'Strong', weight: 'Bolder' },
      { type: 'TextBlock', text: 'Quiet', isSubtle: true },
      { type: 'TextBlock', text: '**Marked** [x](https://example.com)' },
      { type: 'TextBlock', text: '  ' }
    ]),
    [
      { kind: 'markdown', text: 'Title', tone: 'title' },
      { kind: 'markdown', text: 'Strong', tone: 'strong' },
      { kind: 'markdown', text: 'Quiet', tone: 'subtle' },
      { kind: 'markdown', text: '**Marked** [x](https://example.com)' }
    ]
  );
});

test('dates in text are written out', () => {
  assert.equal(withDates('Due {{DATE(2017-02-14T12:08:39Z, SHORT)}}.'), 'Due 14 Feb 2017.');
  assert.match(withDates('{{DATE(2017-02-14T12:08:39Z,LONG)}}'), /^Tuesday,? 14 February 2017$/);
  for (const text of ['{{DATE(soon)}}', '{{DATE()}}', '{{OTHER(2017-02-14)}}']) assert.equal(withDates(text), text);
});

test('facts, columns and tables', () => {
  const blocks = adaptive([
    { type: 'FactSet', facts: [{ title: 'Due', value: 'Today' }, { title: 'No value' }] },
    { type: 'ColumnSet', columns: [{ items: [{ type: 'TextBlock', text: 'a' }] }, { items: [] }, { items: [{ type: 'TextBlock', text: 'b' }] }] },
    { type: 'Table', rows: [{ cells: [{ items: [{ type: 'TextBlock', text: 'head' }] }] }] }
  ]);
  assert.deepEqual(blocks, [
    { kind: 'facts', facts: [{ label: 'Due', value: 'Today' }, { label: 'No value', value: '' }] },
    { kind: 'columns', columns: [[{ kind: 'markdown', text: 'a' }], [{ kind: 'markdown', text: 'b' }]] },
    { kind: 'table', hasHead: true, rows: [[[{ kind: 'markdown', text: 'head' }]]] }
  ]);
});

test('pictures are named and linked to, never loaded', () => {
  const [named, linked, held] = adaptive([
    { type: 'Image', url: 'https://example.com/a/turtle.jpg', altText: 'A turtle' },
    { type: 'Image', url: 'https://example.com/a/tur%20tle.jpg' },
    { type: 'Image', url: 'data:image/png;base64,AAAA' }
  ]);
  assert.deepEqual(named, { kind: 'file', what: 'Picture', name: 'A turtle', href: 'https://example.com/a/turtle.jpg', note: 'example.com' });
  assert.equal(linked.name, 'tur tle.jpg');
  assert.deepEqual(held, { kind: 'file', what: 'Picture', name: 'Picture', note: 'held in the message' });
});

test('icons of which nothing is known are one', () => {
  const icon = { type: 'Image', url: 'data:image/gif;base64,R0lG' };
  assert.deepEqual(adaptive([icon, icon, icon]), [{ kind: 'file', what: 'Picture', name: 'Picture', note: '3 times' }]);
  assert.deepEqual(adaptive([{ type: 'ColumnSet', columns: [{ items: [icon] }, { items: [icon] }] }]).length, 1);
});

test('fields show what they asked for and held', () => {
  const choices = [{ title: 'Red', value: 'r' }, { title: 'Blue', value: 'b' }];
  const facts = adaptive([
    { type: 'Input.Text', id: 'comment', placeholder: 'Your comment' },
    { type: 'Input.Date', id: 'due', label: 'Due', value: '2026-11-21' },
    { type: 'Input.Toggle', id: 't', title: 'I agree', value: 'yes', valueOn: 'yes' },
    { type: 'Input.ChoiceSet', id: 'c', value: 'r,b', choices },
    { type: 'Input.constructor', id: 'x' }
  ]).map((block) => block.facts[0]);
  assert.deepEqual(facts, [
    { label: 'Your comment', value: '–', note: 'field for text' },
    { label: 'Due', value: '2026-11-21', note: 'field for a date' },
    { label: 'I agree', value: 'yes', note: 'field for yes or no' },
    { label: 'c', value: 'Red, Blue', note: 'choice of Red, Blue' },
    { label: 'x', value: '–', note: 'field for a constructor' }
  ]);
});

test('actions are what was offered; only those that opened an address are links', () => {
  const [choices, opened] = adaptive([], {
    actions: [
      { type: 'Action.OpenUrl', title: 'Open', url: 'https://example.com/' },
      { type: 'Action.OpenUrl', title: 'Evil', url: 'javascript:alert(1)' },
      { type: 'Action.Submit', title: 'Send', url: 'https://example.com/', data: { secret: 1 } },
      { type: 'Action.ShowCard', title: 'More', card: { type: 'AdaptiveCard', body: [{ type: 'TextBlock', text: 'inside' }] } }
    ]
  });
  assert.deepEqual(choices.choices, [{ text: 'Open', href: 'https://example.com/' }, { text: 'Evil' }, { text: 'Send' }, { text: 'More' }]);
  assert.equal(opened.summary, 'Opened by “More”');
  assert.deepEqual(opened.blocks[0].blocks, [{ kind: 'markdown', text: 'inside' }]);
});

test('unknown elements are named by their type, and what they hold is shown', () => {
  const blocks = adaptive([{ type: 'Carousel', pages: [{ type: 'CarouselPage', items: [{ type: 'TextBlock', text: 'inside' }] }] }]);
  assert.deepEqual(blocks, [
    { kind: 'note', text: 'Element of type Carousel' },
    { kind: 'note', text: 'Element of type CarouselPage' },
    { kind: 'markdown', text: 'inside' }
  ]);
});

test('what was hidden at first is there on demand', () => {
  const [more] = adaptive([{ type: 'TextBlock', text: 'later', isVisible: false }]);
  assert.equal(more.kind, 'more');
  assert.deepEqual(more.blocks, [{ kind: 'markdown', text: 'later' }]);
});

test('a card without a body shows what stands in for it', () => {
  assert.deepEqual(adaptive(undefined, { fallbackText: 'Update your app' }), [{ kind: 'text', text: 'Update your app' }]);
  assert.equal(adaptive([])[0].kind, 'note');
});

test('hero cards', () => {
  const blocks = classic('hero', { title: 'Title', subtitle: 'Sub', text: 'Text', images: [{ url: 'https://example.com/x.png', alt: 'X' }], buttons: [{ type: 'imBack', title: 'Yes', value: 'y' }] });
  assert.deepEqual(blocks.map((block) => block.kind), ['file', 'markdown', 'markdown', 'markdown', 'choices']);
  assert.deepEqual(blocks.at(-1).choices, [{ text: 'Yes' }]);
});

test('receipts are one list of what was bought and what it cost', () => {
  const [, facts] = classic('receipt', { title: 'Receipt', facts: [{ key: 'Order', value: '7' }], items: [{ title: 'Book', price: '$ 5', quantity: '2' }], tax: '$ 1', total: 11 });
  assert.deepEqual(facts.facts, [
    { label: 'Order', value: '7' },
    { label: 'Book', value: '$ 5', note: '× 2' },
    { label: 'Tax', value: '$ 1' },
    { label: 'Total', value: '11' }
  ]);
});

test('addresses for signing in are never links: they carry what belongs to the visitor', () => {
  for (const name of ['signin', 'oauth']) {
    const blocks = classic(name, { text: 'Please sign in', connectionName: 'Bank', tokenExchangeResource: { id: 'secret-id' }, buttons: [{ type: 'signin', title: 'Sign in', value: 'https://login.example/?code=secret' }] });
    assert.doesNotMatch(JSON.stringify(blocks), /secret/);
  }
  assert.deepEqual(choiceOf({ type: 'signin', value: 'x', title: 'Sign in' }), { text: 'Sign in' });
});

test('other attachments', () => {
  assert.deepEqual(show({ contentType: 'image/jpeg', contentUrl: 'https://example.com/t.jpg' }), [
    { kind: 'file', what: 'Picture', name: 't.jpg', href: 'https://example.com/t.jpg', note: 'image/jpeg · example.com' }
  ]);
  assert.deepEqual(show({ contentType: 'text/html', content: '<script>alert(1)</script>' }), [{ kind: 'text', text: '<script>alert(1)</script>', tone: 'code' }]);
  assert.equal(show({ contentType: 'application/x', content: { a: 1 } })[1].kind, 'more');
  assert.match(show({ contentType: 'application/x', content: { redacted: true } })[0].text, /withheld/);
});

test('a card under a false type is shown as the card that it is', () => {
  assert.deepEqual(show({ contentType: 'application/json', content: { type: 'AdaptiveCard', body: [{ type: 'TextBlock', text: 'x' }] } }), [{ kind: 'markdown', text: 'x' }]);
});

test('cards of a carousel stand beside each other', () => {
  const card = { contentType: 'application/vnd.microsoft.card.hero', content: { title: 'x' } };
  const [row] = attachmentsOf({ attachmentLayout: 'carousel', attachments: [card, card] }, new Budget());
  assert.equal(row.look, 'row');
  assert.equal(row.blocks.length, 2);
});

test('values of the wrong type are left out', () => {
  const wrong = [null, 1, true, [], {}, [[]], { toString: 'x' }];
  for (const value of wrong) {
    for (const name of ['title', 'text', 'images', 'buttons', 'items', 'facts', 'media', 'image']) {
      assert.doesNotThrow(() => classic('receipt', { [name]: value }));
      assert.doesNotThrow(() => classic('hero', { [name]: value }));
    }
    for (const name of ['text', 'facts', 'items', 'columns', 'rows', 'inlines', 'choices', 'url', 'type', 'actions', 'images', 'sources']) {
      for (const type of ['TextBlock', 'FactSet', 'Container', 'ColumnSet', 'Table', 'RichTextBlock', 'Input.ChoiceSet', 'Image', 'ImageSet', 'ActionSet', 'Media']) {
        assert.doesNotThrow(() => adaptive([{ type, [name]: value }]), `${type}.${name}`);
      }
    }
    assert.doesNotThrow(() => show(value));
    assert.doesNotThrow(() => attachmentsOf({ attachments: value }, new Budget()));
  }
});

test('names that all objects have are nothing special', () => {
  for (const name of ['constructor', '__proto__', 'toString', 'hasOwnProperty', 'valueOf']) {
    assert.equal(adaptive([{ type: name }])[0].text, `Element of type ${name}`);
    assert.doesNotThrow(() => classic(name, { title: 'x' }));
    assert.doesNotThrow(() => show({ contentType: name, content: JSON.parse(`{"${name}":{"x":1}}`) }));
  }
});

test('how deep and how large a card is shown has bounds', () => {
  let deep = { type: 'TextBlock', text: 'deepest' };
  for (let i = 0; i < 5_000; i++) deep = { type: 'Container', items: [deep] };
  const nested = new Budget();
  assert.doesNotMatch(JSON.stringify(attachmentBlocks({ contentType: ADAPTIVE, content: { body: [deep] } }, nested)), /deepest/);
  assert.ok(nested.isSpent);

  const wide = new Budget();
  const facts = Array.from({ length: 100 }, () => ({ type: 'FactSet', facts: Array.from({ length: 100 }, () => ({ title: 't', value: 'v' })) }));
  const shown = JSON.stringify(attachmentBlocks({ contentType: ADAPTIVE, content: { body: facts } }, wide)).match(/"label"/g);
  assert.ok(shown.length <= 1_000, `${shown.length} facts`);
  assert.ok(wide.isSpent);
});
