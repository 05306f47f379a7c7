import { requestJSON } from './http.js';
import { Problem } from './problem.js';

const DIRECT_LINE = 'https://directline.botframework.com/v3/directline';

/**
 * Chatgate's own two calls.
 *
 * @param {object} options
 * @param {string} options.base URL of the API without a slash at the end, such as https://app.example/api
 * @param {string} [options.assistant] may be left out where the server has one
 * @param {typeof fetch} options.fetch
 * @param {import('./clock.js').Clock} options.clock
 */
export function createApi({ base, assistant = '', fetch, clock }) {
  const address = (name) => [base, name, assistant && encodeURIComponent(assistant)].filter(Boolean).join('/');

  async function call(name, init) {
    // Counted from before the call: a token is never thought to live longer than it does.
    const askedAt = clock.now();
    const answer = await requestJSON(fetch, address(name), { method: 'POST', ...init }, clock.now);
    return readGrant(answer, askedAt);
  }

  return {
    /**
     * Asks for a token of a new conversation.
     *
     * @param {string | undefined} visitor the visitor token, which keeps the user id
     */
    issue: (visitor) =>
      call('GetNewToken', visitor ? { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ visitor }) } : {}),

    /**
     * Exchanges a token that has not expired for a newer one.
     *
     * @param {string} token
     */
    refresh: (token) => call('RefreshToken', { headers: { Authorization: `Bearer ${token}` } })
  };
}

/**
 * Reads a token answer. Times are counted from the request by `expires_in`,
 * because `expiresAt` is of the server's clock and the browser's may be wrong
 * by hours.
 */
function readGrant(answer, askedAt) {
  const { token, expires_in: seconds } = answer;
  if (typeof token !== 'string' || !token || !(Number(seconds) > 0)) throw new Problem('bad_answer', { status: 200 });
  return {
    token,
    conversationId: answer.conversationId,
    userId: answer.userId,
    domain: String(answer.domain || DIRECT_LINE).replace(/\/+$/, ''),
    issuedAt: askedAt,
    expiresAt: askedAt + Number(seconds) * 1_000,
    visitor: answer.visitor
  };
}
