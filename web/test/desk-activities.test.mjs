import assert from 'node:assert/strict';
import { test } from 'node:test';

import { entryOf } from '../desk/activities.js';
import { groupEvents } from '../desk/entries.js';

const at = '2026-11-21T21:00:00Z';
const message = (more) => ({ type: 'message', timestamp: at, from: { id: 'x' }, ...more });
const sideOf = (from, recipient, conversation) => entryOf(message({ from, recipient }), conversation).side;

test('a visitor who says to be the bot is shown as a visitor', () => {
  assert.equal(sideOf({ id: 'dl_1', role: 'bot', name: 'The bank' }), 'visitor');
  assert.equal(sideOf({ id: 'u1', role: 'bot' }, undefined, { userId: 'u1' }), 'visitor');
  const { blocks } = entryOf(message({ from: { id: 'dl_1', role: 'bot' }, text: '[Refunds](https://evil.example/)' }));
  assert.deepEqual(blocks, [{ kind: 'text', text: '[Refunds](https://evil.example/)' }]);
});

test('who else speaks is told by the role', () => {
  assert.equal(sideOf({ id: 'b', role: 'User' }), 'visitor');
  assert.equal(sideOf({ id: 'b', role: 'skill' }), 'bot');
});

test('and where there is none, by the ids', () => {
  assert.equal(sideOf({ id: 'dl_1' }), 'visitor');
  assert.equal(sideOf({ id: 'u1' }, undefined, { userId: 'u1' }), 'visitor');
  assert.equal(sideOf({ id: 'u1' }, { id: 'b', role: 'bot' }), 'visitor');
  assert.equal(sideOf({ id: 'b' }, { id: 'dl_1' }), 'bot');
  assert.equal(sideOf({ id: 'b' }, { id: 'u', role: 'user' }), 'bot');
  assert.equal(sideOf({ id: 'b' }), 'other');
  assert.equal(sideOf(undefined), 'other');
});

test('nobody becomes the visitor by having no id', () => {
  assert.equal(sideOf({ id: '' }, undefined, { userId: '' }), 'other');
});

test('a message is its text as it was written', () => {
  const entry = entryOf(message({ from: { id: 'dl_1', name: 'Ann' }, text: ' # One\r\n**two** <b>' }));
  assert.deepEqual([entry.kind, entry.name, entry.at.toISOString()], ['message', 'Ann', new Date(at).toISOString()]);
  assert.deepEqual(entry.blocks, [{ kind: 'text', text: ' # One\r\n**two** <b>' }]);
});

test('Markdown is what says so, and what a bot says without saying what it is', () => {
  const kindOf = (role, textFormat) => entryOf(message({ from: { id: 'x', role }, text: '**a**', textFormat })).blocks[0].kind;
  for (const role of ['bot', 'other']) {
    for (const format of ['plain', 'xml', 'XML']) assert.equal(kindOf(role, format), 'text', `${role} ${format}`);
    for (const format of ['markdown', 'Markdown', 'other']) assert.equal(kindOf(role, format), 'markdown', `${role} ${format}`);
  }
  for (const format of ['plain', 'markdown', 'other', '']) assert.equal(kindOf('user', format), 'text', `a visitor's ${format}`);
  assert.deepEqual([kindOf('bot'), kindOf('skill'), kindOf('bot', null), kindOf('bot', {})], Array(4).fill('markdown'));
  assert.deepEqual([kindOf('user'), kindOf('other')], ['text', 'text']);
  assert.deepEqual(entryOf(message({ from: { role: 'bot' }, text: ' ' })).blocks, [{ kind: 'note', text: 'A message without text' }]);
});

test('suggestions are never links', () => {
  const actions = [{ type: 'openUrl', title: 'Go', value: 'https://example.com' }, { type: 'imBack', value: 'yes' }, {}];
  const [choices] = entryOf(message({ suggestedActions: { actions } })).blocks;
  assert.deepEqual(choices, { kind: 'choices', label: 'Suggested answers', choices: [{ text: 'Go' }, { text: 'yes' }] });
});

test('what a form has sent is shown by its fields', () => {
  const [sent] = entryOf(message({ value: { name: 'Ann', agree: true, age: 7, none: null } })).blocks;
  assert.deepEqual(sent.blocks[0].facts.map((fact) => [fact.label, fact.value]), [['name', 'Ann'], ['agree', 'true'], ['age', '7'], ['none', '']]);
  const [nested] = entryOf(message({ value: { a: { b: 1 } } })).blocks;
  assert.equal(nested.blocks[0].tone, 'code');
});

test('values that were never stored are called withheld', () => {
  const redacted = { redacted: true };
  for (const activity of [
    { type: 'event', name: 'tokens/response', value: redacted },
    { type: 'invoke', name: 'signin/verifyState', value: redacted },
    { type: 'trace', name: 'x', value: redacted },
    message({ value: redacted })
  ]) {
    assert.match(JSON.stringify(entryOf(activity)), /withheld/, activity.name);
  }
  assert.match(entryOf({ type: 'event', name: 'tokens/response', value: redacted }).line, /tokens\/response · value withheld/);
});

test('what happened in between is a line', () => {
  const line = (activity) => entryOf({ from: { id: 'b', name: 'Bot', role: 'bot' }, ...activity }).line;
  assert.equal(line({ type: 'typing' }), 'Bot is typing');
  assert.equal(line({ type: 'conversationUpdate', membersAdded: [{ id: '1', name: 'Ann' }, { id: '2' }], membersRemoved: [{ name: 'Bob' }] }), 'Ann, 2 joined · Bob left');
  assert.equal(line({ type: 'conversationUpdate' }), 'The conversation changed');
  assert.equal(line({ type: 'event', name: 'handoff.initiate' }), 'Handing over to a person');
  assert.equal(line({ type: 'event', name: 'x' }), 'Event x');
  assert.equal(line({ type: 'trace', label: 'Luis Trace' }), 'Trace Luis Trace');
  assert.equal(line({ type: 'endOfConversation', code: 'completedSuccessfully' }), 'The conversation was ended: completedSuccessfully');
  assert.equal(line({ type: 'constructor' }), 'Activity of type constructor');
  assert.equal(line({}), 'Activity of type unknown');
});

test('channel data stays out of sight', () => {
  const hidden = entryOf(message({ text: 'x', channelData: { clientActivityID: 'hidden-id' } }));
  assert.doesNotMatch(JSON.stringify(hidden.blocks), /hidden-id/);
});

test('a message of nothing that can be shown says so', () => {
  assert.deepEqual(entryOf(message({})).blocks, [{ kind: 'note', text: 'A message without text' }]);
  assert.deepEqual(entryOf(message({ speak: '<speak>Hello <b>you</b></speak>' })).blocks.at(-1), { kind: 'text', text: 'Hello you' });
});

test('a message with more than is shown says that there is more', () => {
  const actions = Array.from({ length: 1_500 }, (_, i) => ({ title: `${i}` }));
  assert.match(entryOf(message({ suggestedActions: { actions } })).blocks.at(-1).text, /raw JSON/);
});

test('activities of the wrong types do no harm', () => {
  const wrong = [null, 1, 'x', [], {}, { a: 1 }, true];
  for (const value of wrong) {
    assert.doesNotThrow(() => entryOf(value));
    for (const name of ['type', 'from', 'recipient', 'timestamp', 'text', 'attachments', 'suggestedActions', 'value', 'name', 'membersAdded', 'label', 'speak']) {
      for (const type of ['message', 'event', 'trace', 'conversationUpdate']) {
        assert.doesNotThrow(() => entryOf({ type, [name]: value }), `${type}.${name} = ${JSON.stringify(value)}`);
      }
    }
  }
});

test('neighbouring events are one group, messages stand alone', () => {
  const kinds = ['event', 'event', 'message', 'message', 'event'];
  const groups = groupEvents(kinds.map((kind, index) => ({ kind, index })));
  assert.deepEqual(groups.map((group) => group.map((entry) => entry.index)), [[0, 1], [2], [3], [4]]);
});
