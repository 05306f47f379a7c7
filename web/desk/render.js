import { h, icon, outerLink } from './dom.js';
import { markdownElements } from './markdown.js';

/**
 * Blocks as elements. The blocks come from messages, so nothing but text and
 * addresses that safeLink let through gets into the document.
 */

const LONG_TEXT = 2_000;

/** @type {Map<string, (block: object) => Element | Element[]>} */
const ELEMENTS = new Map([
  ['text', textElement],
  ['markdown', markdownElement],
  ['runs', (block) => h('p', { class: 'text', dir: 'auto' }, block.runs.map(runElement))],
  ['facts', factsElement],
  ['group', groupElement],
  ['columns', (block) => h('div', { class: 'columns' }, block.columns.map((blocks) => h('div', {}, renderBlocks(blocks))))],
  ['table', tableElement],
  ['file', fileElement],
  ['choices', choicesElement],
  ['note', (block) => h('p', { class: 'note', dir: 'auto' }, block.text)],
  ['more', moreElement]
]);

/**
 * @param {import('./blocks.js').Block[]} blocks
 * @returns {Element[]}
 */
export function renderBlocks(blocks) {
  return blocks.flatMap((block) => ELEMENTS.get(block.kind)(block));
}

function textElement({ text, tone }) {
  if (tone === 'code') return h('pre', { class: 'code', tabindex: '0', role: 'group', 'aria-label': 'JSON or code' }, h('code', {}, clipped(text)));
  return h('p', { class: `text ${tone ?? ''}`.trim(), dir: 'auto' }, clipped(text));
}

/**
 * Long text begins with its beginning: a paragraph of 100 kB makes scrolling slow.
 *
 * @param {string} text
 */
function clipped(text) {
  if (text.length <= LONG_TEXT) return text;
  const shown = document.createTextNode(beginningOf(text));
  const button = moreButton(text, () => {
    shown.data = text;
    button.remove();
  });
  return [shown, button];
}

function markdownElement({ text, tone }) {
  if (text.length <= LONG_TEXT) return markdownElements(text, tone);
  const button = moreButton(text, () => box.replaceChildren(...markdownElements(text, tone)));
  const box = h('div', {}, markdownElements(beginningOf(text), tone), button);
  return box;
}

const beginningOf = (text) => `${text.slice(0, LONG_TEXT).replace(/[\ud800-\udbff]$/, '')}…`;

const moreButton = (text, click) => h('button', { type: 'button', class: 'more-text', click }, `Show all ${text.length.toLocaleString('en')} characters`);

function runElement({ text, strong, italic, struck, href }) {
  let element = href ? outerLink(href, text) : h('span', {}, text);
  if (strong) element = h('strong', {}, element);
  if (italic) element = h('em', {}, element);
  return struck ? h('s', {}, element) : element;
}

function factsElement({ facts }) {
  const row = (fact) =>
    h('div', {}, h('dt', { dir: 'auto' }, fact.label || '–'), h('dd', { dir: 'auto' }, clipped(fact.value || '–'), fact.note && h('small', {}, ` ${fact.note}`)));
  return h('dl', { class: 'facts' }, facts.map(row));
}

function groupElement({ blocks, look, label }) {
  const content = renderBlocks(blocks);
  if (!look && !label) return content;
  const heading = look !== 'row' && label && h('p', { class: 'label' }, label);
  return h('div', { class: look ?? 'box', ...(label && { role: 'group', 'aria-label': label }) }, heading, content);
}

function tableElement({ hasHead, rows }) {
  const cells = (row, tag) => row.map((blocks) => h(tag, tag === 'th' ? { scope: 'col' } : {}, renderBlocks(blocks)));
  const [head, ...body] = hasHead ? rows : [undefined, ...rows];
  const table = h(
    'table',
    {},
    head && h('thead', {}, h('tr', {}, cells(head, 'th'))),
    h('tbody', {}, body.map((row) => h('tr', {}, cells(row, 'td'))))
  );
  return h('div', { class: 'table', role: 'region', 'aria-label': 'A table', tabindex: '0' }, table);
}

function fileElement({ what, name, href, note }) {
  const title = name === what ? what : `${what}: ${name}`;
  return h('p', { class: 'file', dir: 'auto' }, icon(what === 'Picture' ? 'picture' : 'file'), href ? outerLink(href, title) : h('span', {}, title), note && h('small', {}, note));
}

function choicesElement({ label, choices }) {
  const chip = ({ text, href }) => h('li', { dir: 'auto' }, href ? outerLink(href, text) : text);
  return h('ul', { class: 'choices', 'aria-label': label }, choices.map(chip));
}

function moreElement({ summary, blocks }) {
  return whenOpened(h('details', { class: 'more' }, h('summary', {}, summary)), () => renderBlocks(blocks));
}

/**
 * Fills a details element when it is first opened.
 *
 * @param {HTMLDetailsElement} details
 * @param {() => (Element | Element[])} make
 */
export function whenOpened(details, make) {
  details.addEventListener('toggle', () => details.open && details.append(...[make()].flat()), { once: true });
  return details;
}
