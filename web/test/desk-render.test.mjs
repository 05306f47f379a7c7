import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';

import { entryOf } from '../desk/activities.js';
import { whoElement } from '../desk/audit.js';
import { createDates } from '../desk/dates.js';
import { eventsElement, messageElement } from '../desk/entries.js';
import { renderBlocks } from '../desk/render.js';
import { fakeDocument, FakeElement } from './desk-document.mjs';

beforeEach(() => (globalThis.document = fakeDocument));
afterEach(() => delete globalThis.document);

const dates = createDates({ timeZone: 'UTC' });
const shown = (activity) => messageElement(entryOf({ type: 'message', from: { id: 'dl_1' }, ...activity }), false, dates);

function render(block) {
  const root = new FakeElement('root');
  root.append(...renderBlocks([block]));
  return root;
}

const TAGS = new Set('li div p span bdi time button pre code dl dt dd small ul ol a svg path strong em s table thead tbody tr th td details summary'.split(' '));
const SCRIPT = '<script>alert(1)</script><img src=x onerror=alert(1)>';
const ADDRESSES = ['javascript:alert(1)', 'JaVaScRiPt:alert(1)', 'java\u0000script:alert(1)', '\tjavascript:alert(1)', 'data:text/html,x', 'https://a@b.example'];

/** A card whose every member is the given text. */
function hostileActivity(text) {
  const action = (type) => ({ type, title: text, value: text, url: text, iconUrl: text, card: { type: 'AdaptiveCard', body: [{ type: 'TextBlock', text }] } });
  const body = [
    { type: 'TextBlock', text, isVisible: false },
    { type: 'RichTextBlock', inlines: [text, { type: 'TextRun', text, italic: true, strikethrough: true, weight: 'bolder', selectAction: action('Action.OpenUrl') }] },
    { type: 'Image', url: text, altText: text },
    { type: 'Media', sources: [{ url: text, mimeType: text }] },
    { type: 'FactSet', facts: [{ title: text, value: text }] },
    { type: 'Table', rows: [{ cells: [{ items: [{ type: 'TextBlock', text }] }] }] },
    { type: 'Input.Text', label: text, value: text },
    { type: 'Container', style: 'good', backgroundImage: text, items: [{ type: text, text }] },
    { type: 'CodeBlock', codeSnippet: text }
  ];
  const buttons = ['openUrl', 'imBack', 'signin', text].map(action);
  const classic = ['hero', 'thumbnail', 'receipt', 'signin', 'oauth', 'video'].map((name) => ({
    contentType: `application/vnd.microsoft.card.${name}`,
    content: { title: text, subtitle: text, text, images: [{ url: text, alt: text }], media: [{ url: text, profile: text }], items: [{ title: text, price: text }], tax: text, buttons }
  }));
  return {
    text,
    from: { id: text, name: text, role: text },
    attachments: [
      { contentType: 'application/vnd.microsoft.card.adaptive', content: { type: 'AdaptiveCard', body, actions: ['Action.OpenUrl', 'Action.ShowCard', text].map(action) } },
      ...classic,
      { contentType: text, contentUrl: text, name: text },
      { contentType: text, content: text },
      { contentType: text, content: { [text]: text } }
    ],
    suggestedActions: { actions: buttons },
    value: { [text]: text },
    channelData: { text }
  };
}

function unfoldAll(element) {
  for (const details of element.find('details')) if (!details.open) details.unfold();
  return element.find('details').every((details) => details.open) ? element : unfoldAll(element);
}

test('nothing of a message becomes an element, an attribute that runs, or a link to elsewhere', () => {
  const texts = [SCRIPT, ...ADDRESSES, '" onmouseover="alert(1)', '{{DATE(<script>)}}', '\u202eevil'];
  for (const [text, textFormat] of texts.flatMap((one) => [[one, 'plain'], [one, 'markdown']])) {
    const element = unfoldAll(shown({ ...hostileActivity(text), textFormat }));
    element.find('button').find((button) => button.textContent === 'Raw JSON').listeners.click();
    for (const { tag, attributes } of element.all()) {
      assert.ok(TAGS.has(tag), `<${tag}> of ${text}`);
      for (const name of Object.keys(attributes)) assert.doesNotMatch(name, /^(on|style$|src|srcdoc$|action$|formaction$)/i, `<${tag} ${name}>`);
      assert.equal(attributes.href, undefined, `${tag} links to ${attributes.href}`);
    }
    assert.ok(element.textContent.includes(text.replace(/\s+/g, ' ').trim()), text);
  }
});

test('links leave without telling where from, into a tab that cannot reach back', () => {
  const element = unfoldAll(shown(hostileActivity('https://example.com/a')));
  const links = element.find('a');
  assert.ok(links.length > 5);
  for (const { attributes } of links) {
    assert.equal(attributes.href, 'https://example.com/a');
    assert.equal(attributes.target, '_blank');
    assert.deepEqual(attributes.rel.split(' ').sort(), ['nofollow', 'noopener', 'noreferrer']);
  }
});

test('pictures of messages are not loaded', () => {
  const element = shown({ attachments: [{ contentType: 'image/png', contentUrl: 'https://track.example/pixel.png' }] });
  assert.equal(element.find('img').length, 0);
  assert.equal(element.find('a').length, 1);
});

test('long text begins with its beginning, the rest comes on demand', () => {
  const element = render({ kind: 'text', text: 'x'.repeat(128 * 1024) });
  const [button] = element.find('button');
  assert.ok(element.textContent.length < 2_100, String(element.textContent.length));
  assert.match(button.textContent, /131,072/);
  button.listeners.click();
  assert.equal(element.textContent, 'x'.repeat(128 * 1024));
});

test('so does long Markdown, whose marks are read in both', () => {
  const element = shown({ from: { id: 'b', role: 'bot' }, textFormat: 'markdown', text: `**bold**${'x'.repeat(5_000)}\n- item` });
  const button = element.find('button').find((one) => /5,015/.test(one.textContent));
  assert.deepEqual([element.find('strong').length, element.find('li').length], [1, 1]);
  assert.ok(element.textContent.length < 2_100);
  button.listeners.click();
  assert.deepEqual([element.find('strong').length, element.find('li').length], [1, 2]);
  assert.ok(element.textContent.includes(`bold${'x'.repeat(5_000)}`));
});

test('marks within cards are read, in the tone of their text', () => {
  const card = { type: 'AdaptiveCard', body: [{ type: 'TextBlock', isSubtle: true, text: 'Bring:\n- **this**\n\nand [that](https://bank.example/)' }] };
  const element = shown({ attachments: [{ contentType: 'application/vnd.microsoft.card.adaptive', content: card }] });
  assert.deepEqual(['ul', 'strong', 'a'].map((tag) => element.find(tag)[0].textContent), ['this', 'this', 'that']);
  assert.deepEqual([...element.find('p'), ...element.find('ul')].map((one) => one.attributes.class), ['text subtle', 'text subtle', 'list subtle']);
});

test('text is not cut within a character', () => {
  const element = render({ kind: 'text', text: `${'x'.repeat(1_999)}😀${'y'.repeat(100)}` });
  assert.ok(element.textContent.startsWith(`${'x'.repeat(1_999)}…`));
});

test('raw JSON comes and goes', () => {
  const element = shown({ text: 'Hello', channelData: { id: 'in-the-raw' } });
  const [button] = element.find('button');
  assert.doesNotMatch(element.textContent, /in-the-raw/);
  button.listeners.click();
  assert.match(element.textContent, /in-the-raw/);
  assert.equal(button.attributes['aria-expanded'], 'true');
  button.listeners.click();
  assert.doesNotMatch(element.textContent, /in-the-raw/);
});

test('JSON too deep to be written says so', () => {
  let deep = {};
  for (let i = 0; i < 200_000; i++) deep = { deep };
  const element = shown({ text: 'Hello', deep });
  element.find('button')[0].listeners.click();
  assert.match(element.textContent, /nested too deep/);
});

test('who goes on is named for screen readers only', () => {
  const entry = entryOf({ type: 'message', text: 'x', from: { id: 'dl_1', name: 'Ann' } });
  const name = (goesOn) => messageElement(entry, goesOn, dates).find('span')[0];
  assert.deepEqual([name(false).attributes.class, name(true).attributes.class], ['name', 'unseen']);
  assert.equal(name(true).textContent, 'Ann');
});

test('events are one quiet line, and each on demand', () => {
  const events = ['a', 'b', 'c'].map((name) => entryOf({ type: 'event', name, timestamp: '2026-11-21T21:00:00Z', value: { redacted: true } }));
  const element = eventsElement(events, dates);
  assert.equal(element.textContent.trim(), 'Event a · value withheld and 2 more 21:00');
  assert.match(unfoldAll(element).textContent, /Event c · value withheld 21:00The value is withheld/);
});

test('the audit calls its reader You, everybody else by the id, and nobody the service itself', () => {
  const who = (objectId, reader) => whoElement({ tenantId: 't', objectId }, reader);
  const [own, other] = [who('0123456789abcdefgh', '0123456789abcdefgh'), who('0123456789abcdefgh', 'somebody')];
  assert.deepEqual([own.textContent, other.textContent], ['You', '012345678…efgh']);
  for (const { attributes } of [own, other]) assert.equal(attributes.title, '0123456789abcdefgh of tenant t');
  assert.equal(who('', ''), 'The service itself');
});
