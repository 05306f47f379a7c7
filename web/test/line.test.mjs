import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Line } from '../line.js';
import { Subject } from '../observable.js';
import { fakeClock, settle } from './fakes.mjs';

const ONLINE = 2;
const EXPIRED_TOKEN = 3;

/** A directlinejs object as far as Line sees one. */
function fakeConnection(post = () => 'id') {
  const connection = {
    connectionStatus$: new Subject([0]),
    activity$: new Subject(),
    posted: [],
    renewed: [],
    isEnded: false,
    streamUrl: 'wss://s',
    postActivity(activity) {
      connection.posted.push(activity);
      return {
        subscribe({ next, error }) {
          const answer = post(connection);
          if (answer instanceof Error) error(answer);
          else next(answer);
        }
      };
    },
    getSessionId: () => ({ subscribe: ({ next }) => next('session') }),
    reconnect: (conversation) => connection.renewed.push(conversation),
    end: () => (connection.isEnded = true)
  };
  return connection;
}

function newLine() {
  const clock = fakeClock();
  const lost = [];
  const line = new Line({ clock, onLost: (how) => lost.push(how) });
  const seen = { statuses: [], activities: [] };
  line.directLine.connectionStatus$.subscribe((status) => seen.statuses.push(status));
  line.directLine.activity$.subscribe({ next: ({ id, type }) => seen.activities.push(id ?? type) });
  return { clock, line, lost, seen };
}

/** What Web Chat would learn of a message it sends. */
function send(line, activity = { type: 'message' }) {
  const outcome = {};
  line.directLine.postActivity(activity).subscribe({
    next: (id) => (outcome.id = id),
    error: (error) => (outcome.error = error.message)
  });
  return outcome;
}

const refuse = (connection) => {
  connection.connectionStatus$.next(EXPIRED_TOKEN);
  return 'retry';
};

test('Web Chat sees one connection, whatever comes and goes behind it', () => {
  const { line, lost, seen } = newLine();
  const [first, second] = [fakeConnection(), fakeConnection()];
  line.attach(first, { token: 'a' });
  first.activity$.next({ id: '1' });
  first.connectionStatus$.next(EXPIRED_TOKEN);
  line.attach(second, { token: 'b' });
  second.activity$.next({ id: '2' });

  assert.equal(first.isEnded, true);
  assert.deepEqual(lost, [{ refused: true }]);
  assert.deepEqual(seen, { statuses: [1, ONLINE, ONLINE], activities: ['1', '2'] });
  assert.equal(line.directLine.token, 'b');
});

test('what a replaced connection still says is not heard', () => {
  const { line, lost, seen } = newLine();
  const [first, second] = [fakeConnection(), fakeConnection()];
  line.attach(first, { token: 'a' });
  line.attach(second, { token: 'b' });
  first.activity$.next({ id: 'late' });
  first.connectionStatus$.next(5);
  assert.deepEqual(seen.activities, []);
  assert.deepEqual(lost, []);
});

test('an activity that comes twice is told once; a latecomer is told all but typing', () => {
  const { line, seen } = newLine();
  const connection = fakeConnection();
  line.attach(connection, { token: 'a' });
  line.deliver([{ id: '1', type: 'message' }]);
  connection.activity$.next({ type: 'typing' });
  connection.activity$.next({ id: '1', type: 'message' });
  connection.activity$.next({ id: '2', type: 'message' });
  assert.deepEqual(seen.activities, ['1', 'typing', '2']);

  const late = [];
  line.directLine.activity$.subscribe({ next: ({ id }) => late.push(id) });
  assert.deepEqual(late, ['1', '2']);
});

test('the last watermark outlives the connection, but not the conversation', () => {
  const { line } = newLine();
  line.attach(Object.assign(fakeConnection(), { watermark: '9' }), { token: 'a' });
  line.detach();
  assert.equal(line.watermark, '9');
  line.clear();
  assert.equal(line.watermark, undefined);
});

test('a newer token is handed to the connection in use', () => {
  const { line } = newLine();
  const connection = fakeConnection();
  line.attach(connection, { token: 'a' });
  line.renew({ conversationId: 'c', token: 'b' });
  assert.deepEqual(connection.renewed.slice(1), [{ conversationId: 'c', token: 'b', streamUrl: 'wss://s' }]);
});

test('a connection that was made with an older token gets the newest at once', () => {
  const { line } = newLine();
  const connection = fakeConnection();
  line.attach(connection, { conversationId: 'c', token: 'newest' });
  assert.equal(connection.renewed[0].token, 'newest');
});

test('a message is sent; one typed while there is no connection waits for the next', async () => {
  const { line } = newLine();
  const early = send(line);
  await settle();
  assert.deepEqual(early, {});
  line.attach(fakeConnection(), { token: 'a' });
  await settle();
  assert.deepEqual(early, { id: 'id' });
});

test('a message waits less long than Web Chat does, so that it is never sent twice', async () => {
  const { clock, line } = newLine();
  const outcome = send(line);
  await clock.advance(15_000);
  assert.deepEqual(outcome, { error: 'not connected' });
  const connection = fakeConnection();
  line.attach(connection, { token: 'a' });
  await settle();
  assert.deepEqual(connection.posted, []);
});

test('the token was refused: the message is sent once more when there is a better one', async () => {
  const { line, lost } = newLine();
  line.attach(fakeConnection(refuse), { token: 'a' });
  const outcome = send(line);
  await settle();
  assert.deepEqual(lost, [{ refused: true }]);
  const next = fakeConnection();
  line.attach(next, { token: 'b' });
  await settle();
  assert.equal(next.posted.length, 1);
  assert.deepEqual(outcome, { id: 'id' });
});

test('a send that failed otherwise is not repeated here: it may have arrived', async () => {
  const { line } = newLine();
  const connection = fakeConnection(() => 'retry');
  line.attach(connection, { token: 'a' });
  const outcome = send(line);
  await settle();
  assert.equal(connection.posted.length, 1);
  assert.deepEqual(outcome, { id: 'retry' });
});

test('a message to a conversation that is gone: Web Chat is told, and so is the session', async () => {
  const { line, lost } = newLine();
  line.attach(fakeConnection(() => Object.assign(new Error('gone'), { status: 404 })), { token: 'a' });
  const outcome = send(line);
  await settle();
  assert.deepEqual(outcome, { error: 'gone' });
  assert.deepEqual(lost, [{ refused: false }]);
});

test('a message that fails on a connection since replaced does not end the one in use', async () => {
  const { line, lost } = newLine();
  let fail;
  const first = fakeConnection();
  first.postActivity = () => ({ subscribe: ({ error }) => (fail = error) });
  line.attach(first, { token: 'a' });
  send(line);
  await settle();
  line.attach(fakeConnection(), { token: 'b' });
  fail(Object.assign(new Error('gone'), { status: 404 }));
  await settle();
  assert.deepEqual(lost, []);
  assert.equal(line.isAttached, true);
});

test('the session id for a sign-in link comes from the connection', async () => {
  const { line } = newLine();
  line.attach(fakeConnection(), { token: 'a' });
  let id;
  line.directLine.getSessionId().subscribe({ next: (value) => (id = value) });
  await settle();
  assert.equal(id, 'session');
});
