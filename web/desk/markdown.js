import { h, outerLink } from './dom.js';
import { MarkBudget, nodesOf, textOf } from './marks.js';

/**
 * As much of Markdown as bots use in a sentence: bold, emphasis, code, lists and
 * links. Neither markup, nor pictures, nor headings: they stay as written.
 *
 * @typedef {import('./marks.js').Node} Node
 * @typedef {{ lines: Node[][] }} Paragraph
 * @typedef {{ items: Node[][][], start?: number }} List of items with their lines; start: of those that are numbered
 */

const ITEM = /^[ \t]{0,12}(?:[-*]|(\d{1,9})\.)[ \t]+(?=\S)/;
const BULLET = /^[ \t]{0,12}[-*][ \t]+(?=\S)/;
const GOES_ON = /^[ \t]+\S/;

/**
 * @param {string} text
 * @returns {(Paragraph | List)[]}
 */
export function parseMarkdown(text) {
  const budget = new MarkBudget();
  const blocks = [];
  for (const line of text.split('\n')) addLine(blocks, line, budget);
  return blocks.length > 1 ? blocks.map(trimmed).filter((block) => block.items || block.lines.length > 0) : blocks;
}

function addLine(blocks, line, budget) {
  const last = blocks.at(-1);
  const match = ITEM.exec(line);
  if (match && budget.take()) addItem(blocks, match, nodesOf(line.slice(match[0].length), budget));
  else if (last?.items && GOES_ON.test(line)) last.items.at(-1).push(nodesOf(line.trimStart(), budget));
  else if (last?.lines) last.lines.push(nodesOf(line, budget));
  else blocks.push({ lines: [nodesOf(line, budget)] });
}

function addItem(blocks, [, number], nodes) {
  const list = listBefore(blocks);
  const isNumbered = number !== undefined;
  if (list && isNumbered === (list.start !== undefined)) list.items.push([nodes]);
  else blocks.push({ items: [[nodes]], ...(isNumbered && { start: Number(number) }) });
}

// Blank lines may be between items.
function listBefore(blocks) {
  const last = blocks.at(-1);
  if (!last?.lines) return last;
  if (last.lines.some(isFilled) || !blocks.at(-2)?.items) return undefined;
  blocks.pop();
  return blocks.at(-1);
}

// Blank lines beside a list have only kept the distance from it.
function trimmed(block) {
  if (block.items) return block;
  const first = block.lines.findIndex(isFilled);
  return { lines: first < 0 ? [] : block.lines.slice(first, block.lines.findLastIndex(isFilled) + 1) };
}

const isFilled = (nodes) => textOf(nodes).trim() !== '';

/**
 * Text in one line, without the marks. Numbers of items stay: they may be of a
 * sentence.
 *
 * @param {string} text
 */
export function withoutMarks(text) {
  const budget = new MarkBudget();
  const lines = text.split('\n').map((line) => textOf(nodesOf(line.replace(BULLET, ''), budget)));
  return lines.join('\n');
}

/**
 * @param {string} text
 * @param {string} [tone] of all of it
 * @returns {Element[]}
 */
export function markdownElements(text, tone = '') {
  const classOf = (kind) => `${kind} ${tone}`.trim();
  return parseMarkdown(text).map((block) => (block.items ? listElement(block, classOf('list')) : h('p', { class: classOf('text'), dir: 'auto' }, linesOf(block.lines))));
}

function listElement({ items, start }, name) {
  const rows = items.map((lines) => h('li', { dir: 'auto' }, linesOf(lines)));
  return start === undefined ? h('ul', { class: name }, rows) : h('ol', { class: name, start }, rows);
}

const linesOf = (lines) => lines.flatMap((nodes, index) => [index > 0 && '\n', ...nodes.map(nodeElement)]);

function nodeElement(node) {
  if (typeof node === 'string') return node;
  if (node.kind === 'code') return h('code', {}, node.text);
  const content = node.nodes.map(nodeElement);
  return node.kind === 'link' ? outerLink(node.href, content) : h(node.kind, {}, content);
}
