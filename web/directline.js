import { requestJSON } from './http.js';
import { Problem } from './problem.js';

// A conversation so long that its beginning is not worth waiting for.
const MOST_PAGES = 50;

/**
 * Opens a conversation on Direct Line: starts it, or comes back to it.
 *
 * directlinejs would do this by itself, but it tells apart neither a
 * conversation that is gone, nor a token that was refused, nor a service that
 * is away, and keeps the token it gets to itself. Given a token and a stream
 * address it goes straight to the stream (and starts no renewals of its own).
 *
 * Coming back, what was missed is asked for over HTTP first: without a
 * watermark a stream brings only what is yet to come.
 *
 * @param {object} options
 * @param {import('./storage.js').Grant} options.grant
 * @param {string} [options.watermark] the last one seen
 * @param {string} [options.locale]
 * @param {typeof globalThis.fetch} options.fetch
 * @param {import('./clock.js').Clock} options.clock
 * @returns {Promise<Opened>}
 *
 * @typedef {object} Opened
 * @property {string} streamUrl to be used within a minute
 * @property {string} [referenceGrammarId]
 * @property {object[]} activities what was missed
 * @property {string} [watermark] after which the stream begins
 * @property {object} change what is now known about the grant
 */
export async function openConversation({ grant, watermark, locale, fetch, clock }) {
  const askedAt = clock.now();
  const call = (path, init) => requestConversation({ fetch, clock, grant, path, init });
  const { answer, ...missed } = grant.started ? await resume(call, grant, watermark) : await start(call, grant, locale);
  if (typeof answer.streamUrl !== 'string') throw new Problem('bad_answer', { status: 200 });
  const { streamUrl, referenceGrammarId } = answer;
  return { streamUrl, referenceGrammarId, ...missed, change: readChange(answer, askedAt) };
}

/**
 * The activities after a watermark, for a tab that has no stream of its own.
 *
 * @returns {Promise<{ activities: object[], watermark?: string }>}
 */
export function listActivities({ grant, watermark, fetch, clock }) {
  return requestConversation({ fetch, clock, grant, path: activitiesPath(grant, watermark) });
}

async function start(call, grant, locale) {
  const init = { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ locale }) };
  try {
    return { answer: await call('', init), activities: [] };
  } catch (problem) {
    // Another tab was quicker.
    if (problem.status === 409) return resume(call, grant);
    throw problem;
  }
}

async function resume(call, grant, seen) {
  const activities = [];
  let watermark = seen;
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const set = await call(activitiesPath(grant, watermark));
    watermark = set.watermark ?? watermark;
    if (!set.activities?.length) break;
    activities.push(...set.activities);
  }
  const answer = await call(`/${encodeURIComponent(grant.conversationId)}${watermarkQuery(watermark)}`);
  return { answer, activities, watermark };
}

function activitiesPath({ conversationId }, watermark) {
  return `/${encodeURIComponent(conversationId)}/activities${watermarkQuery(watermark)}`;
}

function watermarkQuery(watermark) {
  return watermark ? `?watermark=${encodeURIComponent(watermark)}` : '';
}

async function requestConversation({ fetch, clock, grant, path, init = {} }) {
  const headers = { Accept: 'application/json', Authorization: `Bearer ${grant.token}`, ...init.headers };
  try {
    return await requestJSON(fetch, `${grant.domain}/conversations${path}`, { ...init, headers }, clock.now);
  } catch (problem) {
    throw translate(problem);
  }
}

// Direct Line's codes are not Chatgate's: its statuses say all that matters.
function translate(problem) {
  const { status, retryAfter, cause } = problem;
  if (status === 401 || status === 403) return new Problem('token_invalid', { status, cause: problem });
  if (status === 404) return new Problem('conversation_gone', { status, cause: problem });
  if (status === 429) return new Problem('direct_line_throttled', { status, retryAfter, cause: problem });
  if (status >= 500) return new Problem('direct_line_unavailable', { status, retryAfter, cause: problem });
  if (status >= 400) return new Problem(`direct_line_${status}`, { status, cause: problem });
  return new Problem(problem.code, { status, cause });
}

function readChange(answer, askedAt) {
  const seconds = Number(answer.expires_in);
  const isNewer = typeof answer.token === 'string' && answer.token !== '' && seconds > 0;
  const newer = isNewer ? { token: answer.token, issuedAt: askedAt, expiresAt: askedAt + seconds * 1_000 } : {};
  return { ...newer, started: true };
}
