import assert from 'node:assert/strict';
import { test } from 'node:test';

import { pollingSocket, setSocketClass, watchedSocket } from '../stream.js';
import { fakeClock } from './fakes.mjs';

function poll(answers, { hidden = false } = {}) {
  const clock = fakeClock();
  const log = [];
  const asked = [];
  const Socket = pollingSocket({
    list: async (watermark) => {
      asked.push(watermark);
      const answer = answers.shift() ?? { activities: [] };
      if (answer instanceof Error) throw answer;
      return answer;
    },
    watermark: '5',
    isHidden: () => hidden,
    clock,
    report: { onOpen: () => log.push('open'), onClose: () => log.push('close') }
  });
  const socket = new Socket('wss://unused');
  socket.onmessage = ({ data }) => log.push(JSON.parse(data).activities.map(({ id }) => id).join());
  return { clock, socket, log, asked };
}

test('polling: what is new is delivered as a stream would, from where the page left off', async () => {
  const { clock, socket, log, asked } = poll([{ activities: [{ id: 'a' }], watermark: '6' }, { activities: [], watermark: '6' }, { activities: [{ id: 'b' }], watermark: '7' }]);
  await clock.advance(4_000);
  socket.send('');
  assert.deepEqual(asked, ['5', '6', '6']);
  assert.deepEqual(log, ['open', 'a', 'b']);
});

test('polling: a failure is a closed connection, which directlinejs and the session notice', async () => {
  const { clock, socket, log, asked } = poll([{ activities: [] }, new Error('503')]);
  const closed = [];
  socket.onclose = () => closed.push(socket.readyState);
  await clock.advance(60_000);
  assert.deepEqual(log, ['open', 'close']);
  assert.deepEqual(closed, [3]);
  assert.equal(asked.length, 2);
});

test('polling: a hidden tab asks seldom', async () => {
  const { clock, asked } = poll([], { hidden: true });
  await clock.advance(59_000);
  assert.equal(asked.length, 3);
});

test('polling: closed is closed, even with an answer under way', async () => {
  const { clock, socket, log, asked } = poll([{ activities: [{ id: 'a' }] }]);
  const advancing = clock.advance(0);
  socket.close();
  await advancing;
  await clock.advance(60_000);
  assert.ok(asked.length <= 1);
  assert.deepEqual(log, []);
  assert.equal(clock.pending, 0);
});

test('a watched WebSocket is the real one, and tells of opening and closing', () => {
  class Native extends EventTarget {
    static OPEN = 1;
    readyState = 1;
    sent = [];
    constructor(url) {
      super();
      this.url = url;
    }
    send(data) {
      this.sent.push(data);
    }
  }
  const log = [];
  const Socket = watchedSocket(Native, { onOpen: () => log.push('open'), onClose: () => log.push('close') });
  const socket = new Socket('wss://s');
  assert.ok(socket instanceof Native);
  assert.equal(socket.url, 'wss://s');
  socket.dispatchEvent(new Event('open'));
  socket.send('ping');
  socket.readyState = 2;
  socket.send('too late');
  assert.deepEqual(socket.sent, ['ping']);
  socket.dispatchEvent(new Event('close'));
  assert.deepEqual(log, ['open', 'close']);
});

test('the class is given to directlinejs where it takes one', () => {
  const directLine = { services: { WebSocket: class {} } };
  class Mine {}
  assert.equal(setSocketClass(directLine, Mine), true);
  assert.equal(directLine.services.WebSocket, Mine);
  assert.equal(setSocketClass({}, Mine), false);
});
