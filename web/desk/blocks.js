/**
 * What messages and cards are turned into before they are shown: a small tree of
 * plain objects, the blocks. Everything that comes from a message is a string in
 * there, and addresses are links only where safeLink says so.
 *
 * A message may be made to be large, deep, or of the wrong types throughout, so
 * everything is read by the functions below, and the number of blocks is bounded.
 *
 * @typedef {{ kind: 'text', text: string, tone?: 'title' | 'strong' | 'subtle' | 'code' }} Text
 * @typedef {{ kind: 'markdown', text: string, tone?: 'title' | 'strong' | 'subtle' }} Markdown
 * @typedef {{ kind: 'runs', runs: { text: string, strong?: boolean, italic?: boolean, struck?: boolean, href?: string }[] }} Runs
 * @typedef {{ kind: 'facts', facts: { label: string, value: string, note?: string }[] }} Facts
 * @typedef {{ kind: 'group', blocks: Block[], look?: 'card' | 'box' | 'row', label?: string }} Group
 * @typedef {{ kind: 'columns', columns: Block[][] }} Columns
 * @typedef {{ kind: 'table', hasHead: boolean, rows: Block[][][] }} Table
 * @typedef {{ kind: 'file', what: string, name: string, href?: string, note?: string }} File
 *   a picture or another file: named, and linked to
 * @typedef {{ kind: 'choices', label: string, choices: { text: string, href?: string }[] }} Choices
 *   buttons and suggestions, as they were offered
 * @typedef {{ kind: 'note', text: string }} Note what the page itself has to say
 * @typedef {{ kind: 'more', summary: string, blocks: Block[] }} More opens on demand
 * @typedef {Text | Markdown | Runs | Facts | Group | Columns | Table | File | Choices | Note | More} Block
 */

const MAX_ITEMS = 1_000;
const MAX_DEPTH = 12;
const MAX_LABEL = 300;

/** How much of one activity is shown. */
export class Budget {
  #left = MAX_ITEMS;
  #depth = 0;

  /** Whether something was left out. */
  isSpent = false;

  /**
   * The elements of a list, as many as may still be shown.
   *
   * @param {unknown} value nothing but an array has any
   * @returns {unknown[]}
   */
  items(value) {
    const all = Array.isArray(value) ? value : [];
    const taken = all.slice(0, this.#left);
    this.#left -= taken.length;
    if (taken.length < all.length) this.isSpent = true;
    return taken;
  }

  /**
   * Makes blocks one level deeper, or none where that is too deep.
   *
   * @param {() => Block[]} make
   * @returns {Block[]}
   */
  nest(make) {
    if (this.#depth >= MAX_DEPTH) {
      this.isSpent = true;
      return [];
    }
    this.#depth++;
    try {
      return make();
    } finally {
      this.#depth--;
    }
  }
}

/** @param {unknown} value anything of a message: an object without surprises, or {} */
export const object = (value) => (value !== null && typeof value === 'object' && !Array.isArray(value) ? value : {});

/** A member of its own, never one that all objects have. */
export const member = (value, name) => (Object.hasOwn(object(value), name) ? value[name] : undefined);

/** Text as it was sent, numbers and truth values included; '' for anything else. */
export function text(value) {
  if (typeof value === 'string') return value;
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : '';
}

/** Text that is to stand in one line. */
export function label(value) {
  const line = text(value).replace(/\s+/g, ' ').trim();
  return line.length > MAX_LABEL ? `${line.slice(0, MAX_LABEL)}…` : line;
}

export const note = (words) => ({ kind: 'note', text: words });

/** @returns {Block[]} nothing for empty text */
export const textBlock = (value, tone) => (text(value).trim() === '' ? [] : [{ kind: 'text', text: text(value), ...(tone && { tone }) }]);

/** @returns {Block[]} nothing for empty text */
export const markdownBlock = (value, tone) => textBlock(value, tone).map((block) => ({ ...block, kind: 'markdown' }));

/** @returns {Block[]} nothing for no facts */
export const factsBlock = (facts) => (facts.length > 0 ? [{ kind: 'facts', facts }] : []);

/** @returns {Block[]} nothing for no blocks */
export const group = (blocks, more = {}) => (blocks.length > 0 ? [{ kind: 'group', blocks, ...more }] : []);

/** JSON as text, for values that have no better form. */
export const json = (value) => ({ kind: 'text', tone: 'code', text: toJSON(value) });

/** @param {unknown} value as JSON had it */
export function toJSON(value) {
  try {
    return JSON.stringify(value, null, 2) ?? '';
  } catch {
    return 'This is nested too deep to be shown. The export has all of it.';
  }
}

/** Whether a value was taken out before the activity was stored. */
export const isWithheld = (value) => member(value, 'redacted') === true;

/**
 * The members of a value, as labels and values: what a visitor has filled in.
 *
 * @param {unknown} value
 * @returns {Block[]}
 */
export function valueBlocks(value) {
  if (value === undefined || value === null || value === '') return [];
  if (isWithheld(value)) return [note('The value is withheld: it was a secret and was never stored.')];
  const entries = Object.entries(object(value));
  const isFlat = entries.length > 0 && entries.length <= 40 && entries.every(([, item]) => item === null || typeof item !== 'object');
  if (isFlat) return factsBlock(entries.map(([name, item]) => ({ label: label(name), value: text(item) })));
  return typeof value === 'object' ? [json(value)] : textBlock(value);
}
