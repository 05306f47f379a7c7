/**
 * Addresses within the page. They are in the fragment, which browsers do not
 * send to servers: #/assistant, #/assistant/key of a conversation, and
 * #/assistant/!audit.
 *
 * @typedef {object} Route
 * @property {'list' | 'conversation' | 'audit'} view
 * @property {string} [assistant]
 * @property {string} [key] of a conversation
 */

const ASSISTANT = /^[a-z0-9]{1,32}$/i;
// No key of a conversation has an exclamation mark.
const AUDIT = '!audit';

/**
 * Whether the text may be a conversation's key. "." and ".." would change the
 * path of a request.
 *
 * @param {string} text
 */
export const isKey = (text) => /^[\w.~=-]{1,500}$/.test(text) && !/^\.{1,2}$/.test(text);

/**
 * @param {string} fragment with its #
 * @returns {Route} of the list, for whatever cannot be understood
 */
export function parseRoute(fragment) {
  const [root, assistant = '', place, ...rest] = fragment.replace(/^#/, '').split('/');
  if (root !== '' || !ASSISTANT.test(assistant) || rest.length > 0) return { view: 'list' };
  const known = { assistant: assistant.toLowerCase() };
  if (place === AUDIT) return { view: 'audit', ...known };
  if (place !== undefined && isKey(place)) return { view: 'conversation', ...known, key: place };
  return { view: 'list', ...known };
}

/** @param {Route} route */
export function formatRoute({ view, assistant, key }) {
  if (!assistant) return '#/';
  if (view === 'audit') return `#/${assistant}/${AUDIT}`;
  return view === 'conversation' ? `#/${assistant}/${key}` : `#/${assistant}`;
}
