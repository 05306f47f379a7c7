import { safeLink } from './links.js';

/**
 * The marks of Markdown within a line. All that is no mark stays as it was
 * written, to the last character.
 *
 * Each step goes over the line once, whatever the line is made of: matching marks
 * by searching ahead from each would take minutes where there are many.
 *
 * @typedef {string | { kind: 'strong' | 'em' | 'link', nodes: Node[], href?: string } | { kind: 'code', text: string }} Node
 */

const MAX_MARKS = 2_000;

// In turn: what is escaped, code, links (![ is a picture), and runs of marks.
// Addresses may hold brackets in pairs.
const TOKEN = /\\[\\`*_[\]()]|(?<!`)`([^`]+)`(?!`)|(?<!!)\[([^[\]]+)\]\(((?:[^\s()]|\([^\s()]*\))+)\)|\*+|_+/g;

const KINDS = { '*': 'em', _: 'em', '**': 'strong', __: 'strong' };
const WORD = /[\p{L}\p{N}_]/u;
// Bold may begin within words, as languages without blanks need it to; 2**3**4 is arithmetic.
const NUMBER = /\p{N}/u;

/** How many marks of a text are still to be read; the others stay as written. */
export class MarkBudget {
  #left = MAX_MARKS;

  /** Whether there was one left. */
  take() {
    return this.#left-- > 0;
  }
}

/**
 * @param {string} line
 * @param {MarkBudget} budget
 * @returns {Node[]}
 */
export function nodesOf(line, budget) {
  return treeOf(paired(tokensOf(line, budget), budget));
}

/** @param {Node[]} nodes what they say, without the marks */
export const textOf = (nodes) => nodes.map((node) => (typeof node === 'string' ? node : (node.text ?? textOf(node.nodes)))).join('');

function tokensOf(line, budget) {
  const tokens = [];
  let end = 0;
  for (const match of line.matchAll(TOKEN)) {
    tokens.push(line.slice(end, match.index));
    end = match.index + match[0].length;
    if (/^[*_]/.test(match[0])) tokens.push(...runOf(match[0], line[match.index - 1] ?? ' ', line[end] ?? ' '));
    else tokens.push(spanOf(match, budget));
  }
  return [...tokens, line.slice(end)];
}

function spanOf([written, code, label, address], budget) {
  if (code !== undefined) return budget.take() ? { kind: 'code', text: code } : written;
  const link = label?.trim() ? safeLink(address) : undefined;
  return link && budget.take() ? { kind: 'link', href: link.href, nodes: nodesOf(label, budget) } : written;
}

// Three are both: what opens first closes last.
function runOf(run, before, after) {
  if (run.length > 3) return [run];
  const inside = run === '**' ? NUMBER : WORD;
  const opens = /\S/.test(after) && !inside.test(before);
  const closes = /\S/.test(before) && !inside.test(after);
  const [one] = run;
  const marks = run.length < 3 ? [run] : [one + one, one];
  if (closes && !opens) marks.reverse();
  return marks.map((mark) => ({ mark, opens, closes }));
}

// Of each mark the last one that opens is what the next one closes, and all that
// was opened in between is none. So nothing is nested deeper than there are marks.
function paired(tokens, budget) {
  const open = new Map();
  for (const [index, token] of tokens.entries()) {
    if (!token.mark) continue;
    const at = open.get(token.mark);
    if (token.closes && at !== undefined && budget.take()) {
      tokens[at].begins = token.ends = KINDS[token.mark];
      for (const [mark, other] of open) if (other >= at) open.delete(mark);
    } else if (token.opens) open.set(token.mark, index);
  }
  return tokens;
}

function treeOf(tokens) {
  const levels = [[]];
  for (const token of tokens) {
    if (token.begins) levels.push([]);
    else if (token.ends) {
      const nodes = levels.pop();
      levels.at(-1).push({ kind: token.ends, nodes });
    } else if (token !== '') levels.at(-1).push(token.mark ?? token);
  }
  return levels[0];
}
