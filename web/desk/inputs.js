import { label, member, text } from './blocks.js';

const MAX_TITLES = 12;

// What fields are for that are not named by their type.
const PURPOSES = new Map([
  ['Input.Text', 'text'],
  ['Input.Toggle', 'yes or no']
]);

/**
 * A field of an Adaptive Card, as what it asked for and what it held when it was
 * sent. What the visitor has entered comes in a later message.
 *
 * @param {string} type such as Input.Text
 * @param {unknown} input
 * @param {import('./blocks.js').Budget} budget
 * @returns {{ label: string, value: string, note: string }}
 */
export function inputFact(type, input, budget) {
  const asked = ['label', 'title', 'placeholder', 'id'].map((name) => label(member(input, name))).find(Boolean);
  const choices = budget.items(member(input, 'choices'));
  const isChoice = type === 'Input.ChoiceSet';
  return {
    label: asked ?? 'A field',
    value: (isChoice ? chosenTitles(input, choices) : valueOf(type, input)) || '–',
    note: isChoice ? `choice of ${summarise(choices.map(titleOf))}` : `field for ${PURPOSES.get(type) ?? `a ${type.slice('Input.'.length).toLowerCase()}`}`
  };
}

function valueOf(type, input) {
  const value = text(member(input, 'value'));
  if (type !== 'Input.Toggle') return value;
  return value !== '' && value === (text(member(input, 'valueOn')) || 'true') ? 'yes' : 'no';
}

function chosenTitles(input, choices) {
  const value = text(member(input, 'value'));
  const chosen = new Set(value.split(',').map((part) => part.trim()));
  const titles = choices.filter((choice) => chosen.has(text(member(choice, 'value')))).map(titleOf);
  return titles.join(', ') || value;
}

function summarise(titles) {
  const more = titles.length > MAX_TITLES ? ` and ${titles.length - MAX_TITLES} more` : '';
  return (titles.slice(0, MAX_TITLES).join(', ') || 'nothing') + more;
}

const titleOf = (choice) => label(member(choice, 'title'));
