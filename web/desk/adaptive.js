import { factsBlock, group, label, markdownBlock, member, note, text, textBlock } from './blocks.js';
import { fileBlock, mergeNameless } from './files.js';
import { inputFact } from './inputs.js';
import { safeLink } from './links.js';

/** Elements of Adaptive Cards by type; the others are named by theirs. */
const ELEMENTS = new Map([
  ['TextBlock', (element) => markdownBlock(withDates(text(member(element, 'text'))), toneOf(element))],
  ['RichTextBlock', richText],
  ['CodeBlock', (element) => textBlock(member(element, 'codeSnippet'), 'code')],
  ['FactSet', (element, budget) => factsBlock(budget.items(member(element, 'facts')).map(factOf))],
  ['Image', (element) => [image(element)]],
  ['ImageSet', (element, budget) => mergeNameless(budget.items(member(element, 'images')).map(image))],
  ['Media', (element, budget) => budget.items(member(element, 'sources')).map((source) => medium(element, source))],
  ['Container', (element, budget) => group(children(element, 'items', budget), boxed(element) && { look: 'box' })],
  ['Column', (element, budget) => children(element, 'items', budget)],
  ['ColumnSet', columns],
  ['Table', table],
  ['ActionSet', (element, budget) => actions(element, 'actions', budget)]
]);

/**
 * An Adaptive Card, for reading: nothing in it can be pressed or filled in, and
 * what was hidden at first is shown as well.
 *
 * @param {unknown} card
 * @param {import('./blocks.js').Budget} budget
 * @returns {import('./blocks.js').Block[]}
 */
export function adaptiveCard(card, budget) {
  const blocks = [...children(card, 'body', budget), ...actions(card, 'actions', budget)];
  const instead = textBlock(member(card, 'fallbackText') || member(card, 'speak'));
  const shown = blocks.length > 0 ? blocks : instead;
  return group(shown.length > 0 ? shown : [note('An empty card')], { look: 'card' });
}

function children(parent, name, budget) {
  return budget.nest(() => mergeNameless(budget.items(member(parent, name)).flatMap((element) => elementBlocks(element, budget))));
}

function elementBlocks(element, budget) {
  if (typeof element === 'string') return textBlock(element);
  const type = label(member(element, 'type'));
  const make = ELEMENTS.get(type);
  const blocks = make ? make(element, budget) : otherElement(type, element, budget);
  if (member(element, 'isVisible') !== false || blocks.length === 0) return blocks;
  return [{ kind: 'more', summary: 'Hidden at first', blocks }];
}

function otherElement(type, element, budget) {
  if (type.startsWith('Input.')) return factsBlock([inputFact(type, element, budget)]);
  const inner = ['items', 'pages', 'body', 'columns'].flatMap((name) => children(element, name, budget));
  return [note(`Element of type ${type || 'unknown'}`), ...textBlock(member(element, 'text')), ...inner];
}

function toneOf(element) {
  const size = label(member(element, 'size')).toLowerCase();
  const isHeading = member(element, 'style') === 'heading' || size === 'large' || size === 'extralarge';
  if (isHeading) return 'title';
  if (label(member(element, 'weight')).toLowerCase() === 'bolder') return 'strong';
  return member(element, 'isSubtle') === true ? 'subtle' : undefined;
}

function richText(element, budget) {
  const runs = budget.items(member(element, 'inlines')).map(runOf).filter((run) => run.text !== '');
  return runs.length > 0 ? [{ kind: 'runs', runs }] : [];
}

function runOf(inline) {
  if (typeof inline === 'string') return { text: inline };
  const address = openedBy(member(inline, 'selectAction'));
  return {
    text: withDates(text(member(inline, 'text'))),
    ...(label(member(inline, 'weight')).toLowerCase() === 'bolder' && { strong: true }),
    ...(member(inline, 'italic') === true && { italic: true }),
    ...(member(inline, 'strikethrough') === true && { struck: true }),
    ...(address && { href: address.href })
  };
}

const factOf = (fact) => ({ label: label(member(fact, 'title')), value: withDates(text(member(fact, 'value'))) });

const image = (element) => fileBlock({ what: 'Picture', name: member(element, 'altText'), address: member(element, 'url') });

function medium(element, source) {
  return fileBlock({ what: 'Media', name: member(element, 'altText'), address: member(source, 'url'), type: label(member(source, 'mimeType')) });
}

const boxed = (element) => ['emphasis', 'good', 'attention', 'warning', 'accent'].includes(member(element, 'style'));

function columns(element, budget) {
  const all = budget.items(member(element, 'columns')).map((column) => children(column, 'items', budget));
  const filled = all.filter((blocks) => blocks.length > 0);
  const flat = mergeNameless(filled.flat());
  return filled.length > 1 && flat.length > 1 ? [{ kind: 'columns', columns: filled }] : flat;
}

function table(element, budget) {
  const cell = (value) => children(value, 'items', budget);
  const rows = budget.items(member(element, 'rows')).map((row) => budget.items(member(row, 'cells')).map(cell));
  return rows.length > 0 ? [{ kind: 'table', hasHead: member(element, 'firstRowAsHeader') !== false, rows }] : [];
}

function actions(parent, name, budget) {
  const all = budget.items(member(parent, name));
  const choices = all.map(choiceOf).filter((choice) => choice.text !== '');
  const cards = all.filter((action) => member(action, 'type') === 'Action.ShowCard').flatMap((action) => inlineCard(action, budget));
  return [...(choices.length > 0 ? [{ kind: 'choices', label: 'Buttons', choices }] : []), ...cards];
}

function inlineCard(action, budget) {
  const blocks = budget.nest(() => adaptiveCard(member(action, 'card'), budget));
  return [{ kind: 'more', summary: `Opened by “${label(member(action, 'title')) || 'a button'}”`, blocks }];
}

function choiceOf(action) {
  const address = openedBy(action);
  const words = label(member(action, 'title')) || label(member(action, 'type')).replace(/^Action\./, '');
  return { text: words, ...(address && { href: address.href }) };
}

const openedBy = (action) => (member(action, 'type') === 'Action.OpenUrl' ? safeLink(text(member(action, 'url'))) : undefined);

/**
 * Adaptive Cards let text hold {{DATE(…)}} and {{TIME(…)}}, which are replaced
 * where the card is shown.
 */
export function withDates(words) {
  return words.replace(/\{\{(DATE|TIME)\(([^(){},]{1,40})(?:,\s*(\w{1,10}))?\)\}\}/g, (whole, kind, when, style) => {
    const date = new Date(when.trim());
    if (Number.isNaN(date.getTime())) return whole;
    const options = kind === 'TIME' ? { timeStyle: 'short' } : { dateStyle: style?.toUpperCase() === 'LONG' ? 'full' : 'medium' };
    return new Intl.DateTimeFormat('en-GB', options).format(date);
  });
}
