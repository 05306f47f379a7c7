// The example of docs/examples/botbuilder-js, with the real SDK: what a bot says
// and hears ends up in the transcripts. BASE_URL names a running local system.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';

import { TestAdapter, TranscriptLoggerMiddleware } from 'botbuilder';

import { BusTranscript } from '../../docs/examples/botbuilder-js/bus-transcript.mjs';

const base = process.env.BASE_URL;

/** Asks until the answer is as wanted: storing takes a moment. */
async function eventually(ask, wanted) {
  const end = Date.now() + 15_000;
  for (;;) {
    const answer = await ask();
    if (wanted(answer)) return answer;
    assert.ok(Date.now() < end, `not in time: ${JSON.stringify(answer)}`);
    await pause(50);
  }
}

test('a botbuilder bot logs its conversation to the bus', async () => {
  assert.ok(base, 'BASE_URL is not set; scripts/with-local.sh sets it');
  const conversationId = `botbuilder-${process.pid}-${Date.now()}`;
  const adapter = new TestAdapter(async (context) => {
    if (context.activity.type === 'message') await context.sendActivity(`you said ${context.activity.text} · 你好`);
  });
  adapter.conversation.conversation.id = conversationId;
  adapter.use(new TranscriptLoggerMiddleware(new BusTranscript({ namespace: `${base}/local/bus`, assistant: 'demo' })));

  await adapter.send('hello').assertReply('you said hello · 你好').send('again').assertReply('you said again · 你好').startTest();

  const stored = await eventually(
    async () => (await (await fetch(`${base}/local/transcripts`)).json()).find((one) => one.conversationId === conversationId),
    (found) => found?.activities.length === 4
  );
  const said = stored.activities.map((activity) => activity.text).toSorted();
  assert.deepEqual(said, ['again', 'hello', 'you said again · 你好', 'you said hello · 你好']);
});

test('the same activity sent twice is stored once', async () => {
  const conversation = { id: `resent-${process.pid}-${Date.now()}` };
  const activity = { type: 'message', id: '1', timestamp: new Date().toISOString(), conversation, text: 'once' };
  const transcript = new BusTranscript({ namespace: `${base}/local/bus`, assistant: 'demo' });
  await transcript.logActivity(activity);
  await transcript.logActivity(activity);
  await transcript.logActivity({ ...activity, id: '2', text: 'last' });
  const stored = await eventually(
    async () => (await (await fetch(`${base}/local/transcripts`)).json()).find((one) => one.conversationId === conversation.id),
    (found) => found?.activities.some(({ text }) => text === 'last')
  );
  assert.equal(stored.activities.length, 2);
});
