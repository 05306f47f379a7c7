import { Problem } from './problem.js';

const TIME_LIMIT_MS = 30_000;
// Long conversations, and users with many of them, take their time.
const EXPORT_TIME_LIMIT_MS = 300_000;
const ERASURE_TIME_LIMIT_MS = 240_000;
const MAX_TEXT = 1_000;

/** How many a page holds. */
export const PAGE = { conversations: 50, activities: 100, audit: 100 };

/**
 * The service desk's API.
 *
 * @param {object} options
 * @param {typeof globalThis.fetch} options.fetch
 * @param {(options?: { renew: boolean }) => Promise<string>} options.token
 *   an access token; with renew one that was not handed out before
 * @param {URL | string} [options.base]
 */
export function createApi({ fetch, token, base = new URL('../../desk/', import.meta.url) }) {
  /** @param {string[]} path */
  const address = (path, query = {}) => {
    const url = new URL(path.map(segment).join('/'), base);
    for (const [name, value] of Object.entries(query)) if (value) url.searchParams.set(name, value);
    return url;
  };

  // A token that the server no longer takes may have been withdrawn before it
  // expired. A new one, once, tells whether the session is over.
  const send = async (url, init, limit) => {
    const answer = await sendOnce(url, init, limit, await token());
    return answer.status === 401 ? sendOnce(url, init, limit, await token({ renew: true })) : answer;
  };

  const sendOnce = async (url, init, limit, accessToken) => {
    const signal = AbortSignal.any([AbortSignal.timeout(limit), ...(init.signal ? [init.signal] : [])]);
    const headers = { Authorization: `Bearer ${accessToken}` };
    return reach(fetch, url, { ...init, headers, signal });
  };

  const readJSON = async (path, query, signal) => parse(await send(address(path, query), { signal }, TIME_LIMIT_MS));
  const remove = async (path, query) => expectOK(await send(address(path, query), { method: 'DELETE' }, ERASURE_TIME_LIMIT_MS));
  const of = (assistant, ...rest) => ['assistants', assistant, ...rest];

  return {
    /** What the page needs in order to sign in; asked for without a token. */
    config: async () => parse(await reach(fetch, address(['config']), { signal: AbortSignal.timeout(TIME_LIMIT_MS) })),

    assistants: () => readJSON(['assistants']),

    conversations: (assistant, { from, to, cursor } = {}, signal) =>
      readJSON(of(assistant, 'conversations'), { from, to, cursor, limit: PAGE.conversations }, signal),

    conversation: (assistant, key, cursor, signal) =>
      readJSON(of(assistant, 'conversations', key), { cursor, limit: PAGE.activities }, signal),

    /** The whole conversation as a file. */
    async transcript(assistant, key) {
      const url = address(of(assistant, 'conversations', key), { format: 'transcript' });
      const answer = await expectOK(await send(url, {}, EXPORT_TIME_LIMIT_MS));
      return whole(answer.blob());
    },

    audit: (assistant, cursor, signal) => readJSON(of(assistant, 'audit'), { cursor, limit: PAGE.audit }, signal),

    eraseConversation: (assistant, key) => remove(of(assistant, 'conversations', key)),

    // In the query, which takes every id: no path can hold "..", nor a slash.
    eraseUser: (assistant, userId) => remove(of(assistant, 'users'), { userId })
  };
}

// Browsers take "." and "..", also when escaped, for a place in the path: the
// request would go to another address than the one that was meant.
function segment(text) {
  if (text === '.' || text === '..') throw new Problem('bad_request');
  return encodeURIComponent(text);
}

async function reach(fetch, url, init) {
  try {
    return await fetch(url, { cache: 'no-store', credentials: 'omit', redirect: 'error', ...init });
  } catch (cause) {
    throw Problem.isAbort(cause) ? cause : new Problem('network', { cause });
  }
}

async function parse(answer) {
  await expectOK(answer);
  const body = await whole(answer.json());
  if (body === null || typeof body !== 'object') throw new Problem('bad_answer', { status: answer.status });
  return body;
}

// The body, which can break off as the answer can.
async function whole(body) {
  try {
    return await body;
  } catch (cause) {
    if (Problem.isAbort(cause)) throw cause;
    throw new Problem(cause instanceof SyntaxError ? 'bad_answer' : 'network', { cause });
  }
}

async function expectOK(answer) {
  if (answer.ok) return answer;
  const body = await answer.json().catch(() => undefined);
  throw new Problem(textOf(body?.code) || `http_${answer.status}`, {
    status: answer.status,
    detail: textOf(body?.detail),
    reference: textOf(body?.invocationId)
  });
}

const textOf = (value) => (typeof value === 'string' ? value.slice(0, MAX_TEXT) : '');
