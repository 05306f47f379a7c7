// docs/examples/custom-client: what a chat client without Web Chat does about
// sign-in cards.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { sessionId, signInButtons, signInLink } from '../../docs/examples/custom-client/sign-in.mjs';

const grant = { domain: 'https://directline.example/v3/directline', token: 't' };

const withFetch = (t, answer) => {
  const calls = [];
  t.mock.method(globalThis, 'fetch', async (...call) => {
    calls.push(call);
    return answer();
  });
  return calls;
};

test("the session's id is asked for with the cookie and the token", async (t) => {
  const calls = withFetch(t, () => Response.json({ sessionId: 's' }));
  assert.equal(await sessionId(grant), 's');
  const [[url, { headers, credentials }]] = calls;
  assert.equal(url, 'https://directline.example/v3/directline/session/getsessionid');
  assert.deepEqual([headers.Authorization, credentials], ['Bearer t', 'include']);
});

test('without a session the user types the code', async (t) => {
  withFetch(t, () => new Response('', { status: 403 })); // the origin is not trusted
  assert.equal(await sessionId(grant), undefined);
  assert.equal(signInLink({ value: 'https://token.example/signin?state=1' }), 'https://token.example/signin?state=1');
});

test('the id goes into the link of sign-in buttons only', () => {
  const button = (type, value) => ({ type, title: 'x', value });
  const activity = {
    attachments: [
      { contentType: 'application/vnd.microsoft.card.oauth', content: { buttons: [button('signin', 'https://token.example/a?state=1'), button('openUrl', 'https://other.example')] } },
      { contentType: 'application/vnd.microsoft.card.hero', content: { buttons: [button('signin', 'https://other.example')] } }
    ]
  };
  assert.deepEqual(signInButtons(activity).map((one) => signInLink(one, 'a+b')), ['https://token.example/a?state=1%26code_challenge%3Da%2Bb']);
  assert.deepEqual(signInButtons({}), []);
  // As Web Chat does, so that it belongs to the link's last parameter.
  const last = new URL(signInLink({ value: 'https://token.example/signin?signin=1' }, 's')).searchParams;
  assert.deepEqual([...last], [['signin', '1&code_challenge=s']]);
  assert.throws(() => signInLink({ value: 'javascript:alert(1)' }, 's'));
});
