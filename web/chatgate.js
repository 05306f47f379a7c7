/**
 * Chatgate in the browser, as an ES module. The script tag (widget.js) uses
 * mountChat; a page that brings its own Web Chat uses startSession:
 *
 *     import { startSession } from 'https://app.example/api/site/chatgate.js';
 *
 *     const session = await startSession({ assistant: 'bankx', createDirectLine: WebChat.createDirectLine });
 *     WebChat.renderWebChat({ directLine: session.directLine }, document.querySelector('#chat'));
 *
 * `session.directLine` stays the same object whatever happens to the token, the
 * network or the conversation; `session.state` and the event `change` tell.
 */
import { Chat } from './mount.js';
import { Session } from './session.js';

export { loadWebChat } from './webchat.js';

/** The API beside which this file is served: …/api/site/chatgate.js → …/api. */
const OWN_API = new URL('..', import.meta.url).href.replace(/\/$/, '');

/**
 * A session that is not connected yet.
 *
 * @param {Omit<ConstructorParameters<typeof Session>[0], 'api'> & { api?: string }} options
 */
export function createSession(options) {
  return new Session({ api: OWN_API, ...options });
}

/**
 * A session that is connected.
 *
 * @param {Parameters<typeof createSession>[0]} options
 * @returns {Promise<Session>} pending as long as the service does not answer;
 *   use createSession to show what is in the way
 */
export async function startSession(options) {
  const session = createSession(options);
  await session.start();
  return session;
}

/**
 * The whole chat on the page.
 *
 * @param {Omit<ConstructorParameters<typeof Chat>[0], 'api'> & { api?: string }} options
 * @returns {Chat}
 */
export function mountChat(options) {
  return new Chat({ api: OWN_API, ...options });
}
