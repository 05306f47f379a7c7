import { factsBlock, group, label, markdownBlock, member, note, text } from './blocks.js';
import { fileBlock } from './files.js';
import { safeLink } from './links.js';

const PREFIX = 'application/vnd.microsoft.card.';

/** The Bot Framework's own cards, by the end of their content type. */
const CARDS = new Map([
  ['hero', (card, budget) => [...pictures(card, budget), ...heading(card)]],
  ['thumbnail', (card, budget) => [...pictures(card, budget), ...heading(card)]],
  ['receipt', receipt],
  ['signin', (card) => [...heading(card), note('The visitor was asked to sign in.')]],
  ['oauth', (card) => [...heading(card), ...factsBlock(connection(card)), note('The visitor was asked to sign in.')]],
  ['animation', media('Animation')],
  ['audio', media('Sound')],
  ['video', media('Video')]
]);

/** @param {string} type in lower case */
export const isClassicCard = (type) => type.startsWith(PREFIX) && CARDS.has(type.slice(PREFIX.length));

/**
 * @param {string} type for which isClassicCard holds
 * @param {unknown} card
 * @param {import('./blocks.js').Budget} budget
 * @returns {import('./blocks.js').Block[]}
 */
export function classicCard(type, card, budget) {
  const blocks = [...CARDS.get(type.slice(PREFIX.length))(card, budget), ...buttonsOf(card, budget)];
  return group(blocks.length > 0 ? blocks : [note('An empty card')], { look: 'card' });
}

/**
 * Buttons and suggestions as they were offered. A link is one only where the
 * button would have opened it: buttons for signing in carry what belongs to the
 * visitor alone.
 *
 * @param {unknown} action a CardAction
 */
export function choiceOf(action) {
  const address = member(action, 'type') === 'openUrl' ? safeLink(text(member(action, 'value'))) : undefined;
  const words = ['title', 'text', 'displayText', 'value', 'type'].map((name) => label(member(action, name))).find(Boolean);
  return { text: words ?? label(action) ?? '', ...(address && { href: address.href }) };
}

function buttonsOf(card, budget) {
  const choices = budget.items(member(card, 'buttons')).map(choiceOf).filter((choice) => choice.text !== '');
  return choices.length > 0 ? [{ kind: 'choices', label: 'Buttons', choices }] : [];
}

// Web Chat makes an Adaptive Card of each, so there are marks in them as well.
function heading(card) {
  return [
    ...markdownBlock(member(card, 'title'), 'title'),
    ...markdownBlock(member(card, 'subtitle'), 'subtle'),
    ...markdownBlock(member(card, 'text'))
  ];
}

function pictures(card, budget) {
  const all = [...budget.items(member(card, 'images')), ...[member(card, 'image')].filter(Boolean)];
  return all.map((image) => fileBlock({ what: 'Picture', name: member(image, 'alt'), address: member(image, 'url') }));
}

function media(what) {
  const file = (item) => fileBlock({ what, name: member(item, 'profile'), address: member(item, 'url') });
  return (card, budget) => [...heading(card), ...budget.items(member(card, 'media')).map(file)];
}

function connection(card) {
  const name = label(member(card, 'connectionName'));
  return name ? [{ label: 'Connection', value: name }] : [];
}

function receipt(card, budget) {
  const fact = (name, value) => ({ label: label(name), value: text(value) });
  const items = budget.items(member(card, 'items')).map((item) => ({
    ...fact(member(item, 'title') || member(item, 'text'), member(item, 'price')),
    ...(text(member(item, 'quantity')) && { note: `× ${label(member(item, 'quantity'))}` })
  }));
  const facts = budget.items(member(card, 'facts')).map((item) => fact(member(item, 'key'), member(item, 'value')));
  const sums = ['tax', 'vat', 'total'].filter((name) => text(member(card, name))).map((name) => fact(SUMS[name], member(card, name)));
  return [...markdownBlock(member(card, 'title'), 'title'), ...factsBlock([...facts, ...items, ...sums])];
}

const SUMS = { tax: 'Tax', vat: 'VAT', total: 'Total' };
