import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';

import { ADDRESSES, LINKS, MARKED, TEXTS } from '../../e2e/browser/desk-hostile.mjs';
import { safeLink } from '../desk/links.js';
import { markdownElements, parseMarkdown, withoutMarks } from '../desk/markdown.js';
import { fakeDocument, FakeElement } from './desk-document.mjs';

beforeEach(() => (globalThis.document = fakeDocument));
afterEach(() => delete globalThis.document);

const SIZE = 100_000;

function render(text) {
  const root = new FakeElement('root');
  root.append(...markdownElements(text));
  return root;
}

/** Elements in short: <p> is left out where it is all there is. */
function written(node) {
  if (!(node instanceof FakeElement)) return node.textContent;
  const inner = node.children.map(written).join('');
  const more = ['href', 'start'].filter((name) => name in node.attributes).map((name) => ` ${name}=${node.attributes[name]}`);
  return node.tag === 'root' ? inner.replace(/^<p>([^]*)<\/p>$/, (all, only) => (only.includes('<p>') ? all : only)) : `<${node.tag}${more.join('')}>${inner}</${node.tag}>`;
}

const shows = (text, wanted) => assert.equal(written(render(text)), wanted, text);
const staysAsWritten = (text) => shows(text, text);
const depth = (node) => 1 + Math.max(0, ...(node.children ?? []).map(depth));

test('bold, emphasis and code', () => {
  shows('Type **KQT-3FZ** now', 'Type <strong>KQT-3FZ</strong> now');
  shows('__a__ and _b_, *c*!', '<strong>a</strong> and <em>b</em>, <em>c</em>!');
  shows('**a *b* c**', '<strong>a <em>b</em> c</strong>');
  shows('*a **b** c*', '<em>a <strong>b</strong> c</em>');
  shows('***all***', '<strong><em>all</em></strong>');
  shows('`**a**` and `b`', '<code>**a**</code> and <code>b</code>');
  shows('账户**余额**不足', '账户<strong>余额</strong>不足');
  shows('5 *stars and *really* good', '5 *stars and <em>really</em> good');
});

test('what is no mark stays to the last character', () => {
  for (const text of [
    '', ' ', '2 * 3 * 4', '2*3*4', '2**3**4', 'snake_case_name and __init__py', 'a*b*c', '** a **', '*', '**', '****', '*****a*****', '_ _', '`', '``a``', '`a', '```js\ncode\n```',
    '*a\nb*', '**a*', '*a**', '\\*a\\*', '# no heading', '> no quote', '---', '| a | b |', '-5 degrees', '1.5 million', '-', '- ', '[a]', '[a]()', '[](https://a.example)', '[ ](https://a.example)',
    '[a] (https://a.example)', '[a](https://a.example "title")', '[a][b]', '![a](https://a.example/x.png)', '<b>a</b>', '&lt;b&gt;', ' line one\n\n   line two\twith a tab', 'a\r\nb', '\uD800 and \uDC00'
  ]) staysAsWritten(text);
});

test('links are links only where they lead to whole http and https addresses', () => {
  shows('Open [/local/phone](http://localhost:7071/local/phone).', 'Open <a href=http://localhost:7071/local/phone>/local/phone</a>.');
  shows('**[a `b`](https://a.example/w_(x)_y)**', '<strong><a href=https://a.example/w_(x)_y>a <code>b</code></a></strong>');
  for (const address of ADDRESSES) for (const text of [`[press me](${address})`, `see [press me](${address}) here`]) if (!/[*_`]/.test(text)) staysAsWritten(text);
  for (const address of LINKS) shows(`[a link](${address})`, `<a href=${safeLink(address).href}>a link</a>`);
});

test('a link of a message is one that tells nothing of the reader', () => {
  const [link] = render('[a](https://a.example)').find('a');
  assert.deepEqual(link.attributes, { href: 'https://a.example/', target: '_blank', rel: 'noopener noreferrer nofollow' });
});

test('lists, with what stands before, between and after', () => {
  shows('You can say:\n\n- **help** shows this\n* log in\n\nAnything else?', '<p>You can say:</p><ul><li><strong>help</strong> shows this</li><li>log in</li></ul><p>Anything else?</p>');
  shows('1. one\n\n2. two\n   goes on', '<ol start=1><li>one</li><li>two\ngoes on</li></ol>');
  shows('3. Mai', '<ol start=3><li>Mai</li></ol>');
  shows('- a\n1. b', '<ul><li>a</li></ul><ol start=1><li>b</li></ol>');
  shows('a\n\nb\n\n- c', '<p>a\n\nb</p><ul><li>c</li></ul>');
});

test('hostile text stays text', () => {
  const harmless = new Set(['root', 'p', 'strong', 'em', 'code', 'ul', 'ol', 'li']);
  for (const text of TEXTS) {
    for (const wrapped of [text, `**${text}**`, `- ${text}`, `[${text}](x)`]) {
      const root = render(wrapped);
      assert.ok(root.all().every(({ tag }) => harmless.has(tag)), wrapped);
      assert.ok(root.textContent.includes(text), wrapped);
    }
  }
});

test('marks around what is hostile are read, and it stays text', () => {
  const root = render(MARKED);
  assert.deepEqual(root.all().map(({ tag }) => tag), ['root', 'ul', 'li', 'a', 'li', 'strong', 'ol', 'li', 'code']);
  assert.match(root.find('a')[0].attributes.href, /^https:\/\/evil\.example\/%22onmouseover=%22document/);
  assert.ok(root.find('code')[0].textContent.startsWith('<img src=x onerror='));
});

// A step that grows with the square of the length takes minutes here.
test('whatever it is made of, long text is read to its end, and nothing grows deep or large by it', () => {
  const parts = ['*', '**', '_', '`', '[', ']', '(', ')', '![', '](', '[]()', '*a', 'a*', '*a ', 'a* ', '**a ', '_*', '*_ ', '_a* ', '`` ` ', '` `` ', '[a](', '[a](b(c)', '[a](b(c)[a](c)', '[a](https://a.example) ', '**[a](https://a.example/_(', '\\', '\\*', '- ', '- *\n', '1. a\n', '\n', ' \n', '\n- a\n\n', ' ', '*a*', '**a** ', '***a ', '_a_ '];
  for (const part of parts) {
    const text = part.repeat(SIZE / part.length);
    const root = render(text);
    const excerpt = withoutMarks(text);
    assert.ok(root.textContent.length <= text.length && excerpt.length <= text.length);
    assert.ok(depth(root) < 10, `${JSON.stringify(part)} is ${depth(root)} deep`);
    assert.ok(root.all().length < 7_000, `${JSON.stringify(part)} makes ${root.all().length} elements`);
  }
});

// The same text each time: a failure can be looked at again.
function* anyText(count) {
  let seed = 1;
  const next = (below) => (seed = (seed * 48_271) % 2_147_483_647) % below;
  const parts = ['*', '**', '_', '__', '`', 'a', 'b', 'c', ' ', '\n', '- ', '1. ', '\\', '!', '(', ')', '[', ']'];
  for (let n = 0; n < count; n++) yield Array.from({ length: 1 + next(25) }, () => parts[next(parts.length)]).join('');
}

test('nothing but marks is ever taken away, and nothing is added', () => {
  const words = (text) => text.replace(/[^abc]/g, '');
  for (const text of anyText(20_000)) {
    const shown = render(text).textContent;
    assert.equal(words(shown), words(text), JSON.stringify(text));
    assert.equal(words(withoutMarks(text)), words(text), JSON.stringify(text));
    let at = -1;
    for (const char of shown) assert.ok((at = text.indexOf(char, at + 1)) >= 0, `${JSON.stringify(text)} became ${JSON.stringify(shown)}`);
  }
});

test('an excerpt has the words without the marks; the numbers of items stay', () => {
  assert.equal(withoutMarks('- **help** shows [this](https://a.example)\n* `log in`\n3. Mai'), 'help shows this\nlog in\n3. Mai');
  assert.equal(withoutMarks('2 * 3 [a](javascript:x) <b>'), '2 * 3 [a](javascript:x) <b>');
});

test('text without marks is one paragraph', () => {
  assert.deepEqual(parseMarkdown('a\nb'), [{ lines: [['a'], ['b']] }]);
});
