// The commands of the README that are marked `sh test` do what it says.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

const base = process.env.BASE_URL;
const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
const commands = [...readme.matchAll(/^```sh test\n([^]*?)^```/gm)].flatMap(([, block]) => block.trim().split('\n'));

const run = (command) => execFileSync('bash', ['-c', command.replaceAll('http://localhost:7071', base)], { encoding: 'utf8' });

test('the README asks for a token, sends an activity and finds it', async () => {
  assert.ok(base, 'BASE_URL is not set; scripts/with-local.sh sets it');
  assert.equal(commands.length, 3);
  const [token, send, transcripts] = commands;
  assert.match(JSON.parse(run(token)).userId, /^dl_/);
  run(send);
  for (const end = Date.now() + 15_000; ; ) {
    if (JSON.parse(run(transcripts)).some(({ conversationId }) => conversationId === 'readme')) break;
    assert.ok(Date.now() < end, 'the activity is not in the transcripts');
  }
});
