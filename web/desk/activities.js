import { attachmentsOf } from './attachments.js';
import { Budget, isWithheld, json, label, markdownBlock, member, note, text, textBlock, valueBlocks } from './blocks.js';
import { choiceOf } from './classic.js';
import { parseDate } from './dates.js';

/**
 * An activity as it is shown: what somebody said, or a quiet line about what
 * happened in between.
 *
 * @typedef {object} Entry
 * @property {'message' | 'event'} kind
 * @property {'visitor' | 'bot' | 'other'} side who it comes from
 * @property {string} name
 * @property {Date} [at]
 * @property {import('./blocks.js').Block[]} blocks
 * @property {string} line of events: what happened
 * @property {unknown} activity as it was stored
 */

const VISITOR_ID = /^dl_/;
const SIDES = new Map([
  ['user', 'visitor'],
  ['bot', 'bot'],
  ['skill', 'bot']
]);
const NAMES = { visitor: 'Visitor', bot: 'Bot', other: 'Unknown' };

/**
 * @param {unknown} activity
 * @param {{ userId?: string }} conversation
 * @returns {Entry}
 */
export function entryOf(activity, conversation = {}) {
  const type = label(member(activity, 'type'));
  const side = sideOf(activity, conversation);
  const common = { side, name: label(member(member(activity, 'from'), 'name')) || NAMES[side], at: timeOf(activity), activity };
  if (type === 'message') return { kind: 'message', line: '', blocks: messageBlocks(activity, side), ...common };
  return { kind: 'event', line: lineOf(type, activity, common.name), blocks: eventBlocks(type, activity), ...common };
}

function timeOf(activity) {
  return parseDate(member(activity, 'timestamp')) ?? parseDate(member(activity, 'localTimestamp'));
}

// By the id where it is a visitor's: their tokens fix it, and nothing else of an
// activity. A visitor who says to be the bot must not be shown as it. Then by the
// role; the one to whom a user speaks is the bot, and the other way round.
function sideOf(activity, { userId }) {
  const from = member(activity, 'from');
  const recipient = member(activity, 'recipient');
  const id = text(member(from, 'id'));
  if (VISITOR_ID.test(id) || (id !== '' && id === userId)) return 'visitor';
  const role = SIDES.get(text(member(from, 'role')).toLowerCase());
  if (role) return role;
  const otherRole = SIDES.get(text(member(recipient, 'role')).toLowerCase());
  if (otherRole) return otherRole === 'bot' ? 'visitor' : 'bot';
  return VISITOR_ID.test(text(member(recipient, 'id'))) ? 'bot' : 'other';
}

function messageBlocks(activity, side) {
  const budget = new Budget();
  const blocks = [
    ...said(activity, side),
    ...attachmentsOf(activity, budget),
    ...submitted(activity),
    ...suggestions(activity, budget)
  ];
  if (blocks.length === 0) blocks.push(...spoken(activity));
  if (budget.isSpent) blocks.push(note('There is more than is shown here. All of it is in the raw JSON.'));
  return blocks.length > 0 ? blocks : [note('A message without text')];
}

// As Web Chat shows it: Markdown, unless it is said to be something else. What a
// visitor has typed is not, whatever it says: a link could hide where it leads.
function said(activity, side) {
  const format = text(member(activity, 'textFormat')).toLowerCase();
  const isMarkdown = side !== 'visitor' && (format === '' ? side === 'bot' : format !== 'plain' && format !== 'xml');
  return (isMarkdown ? markdownBlock : textBlock)(member(activity, 'text'));
}

// A card's form comes back as a message whose value holds the fields.
function submitted(activity) {
  const value = member(activity, 'value');
  return value === undefined || value === null || value === '' ? [] : [{ kind: 'group', look: 'box', label: 'Sent with the message', blocks: valueBlocks(value) }];
}

function suggestions(activity, budget) {
  const actions = budget.items(member(member(activity, 'suggestedActions'), 'actions'));
  // Suggestions are never links: they answer the bot.
  const choices = actions.map((action) => ({ text: choiceOf(action).text })).filter((choice) => choice.text !== '');
  return choices.length > 0 ? [{ kind: 'choices', label: 'Suggested answers', choices }] : [];
}

function spoken(activity) {
  const speech = text(member(activity, 'speak')).replace(/<[^<>]*>/g, ' ').replace(/\s+/g, ' ').trim();
  return speech === '' ? [] : [note('Spoken only'), ...textBlock(speech)];
}

/** What happened, by type; each is given the activity and who sent it. */
const LINES = new Map([
  ['conversationUpdate', members],
  ['typing', (activity, name) => `${name} is typing`],
  ['event', (activity) => `Event ${named(activity)}`],
  ['invoke', (activity) => `Invoke ${named(activity)}`],
  ['trace', (activity) => `Trace ${label(member(activity, 'label')) || named(activity)}`],
  ['handoff', () => 'Handed over'],
  ['endOfConversation', (activity) => ['The conversation was ended', label(member(activity, 'code'))].filter(Boolean).join(': ')],
  ['messageReaction', (activity, name) => `${name} reacted`],
  ['messageUpdate', (activity, name) => `${name} changed a message`],
  ['messageDelete', (activity, name) => `${name} deleted a message`],
  ['installationUpdate', (activity) => `Installation: ${label(member(activity, 'action')) || 'changed'}`]
]);

const HANDOFFS = new Map([
  ['handoff.initiate', 'Handing over to a person'],
  ['handoff.status', 'State of the handover']
]);

function lineOf(type, activity, name) {
  const handoff = type === 'event' ? HANDOFFS.get(named(activity).toLowerCase()) : undefined;
  const line = handoff ?? LINES.get(type)?.(activity, name) ?? `Activity of type ${type || 'unknown'}`;
  return isWithheld(member(activity, 'value')) ? `${line} · value withheld` : line;
}

const named = (activity) => label(member(activity, 'name')) || 'without a name';

function members(activity) {
  const names = (list) => (Array.isArray(list) ? list.slice(0, 5).map((one) => label(member(one, 'name')) || label(member(one, 'id'))) : []).filter(Boolean);
  const joined = names(member(activity, 'membersAdded'));
  const left = names(member(activity, 'membersRemoved'));
  const topic = label(member(activity, 'topicName'));
  const changes = [joined.length > 0 && `${joined.join(', ')} joined`, left.length > 0 && `${left.join(', ')} left`, topic && `Topic: ${topic}`];
  return changes.filter(Boolean).join(' · ') || 'The conversation changed';
}

function eventBlocks(type, activity) {
  const value = member(activity, 'value');
  const words = textBlock(member(activity, 'text'));
  const isTrace = type === 'trace' && value !== undefined && !isWithheld(value);
  return [...words, ...(isTrace ? [json(value)] : valueBlocks(value))];
}
