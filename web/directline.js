import { requestJSON } from './http.js';
import { Problem } from './problem.js';

/**
 * Opens a conversation on Direct Line: starts it, or comes back to it.
 *
 * directlinejs would do this by itself, but it tells apart neither a
 * conversation that is gone, nor a token that was refused, nor a service that
 * is away, and keeps the token it gets to itself. Given a token and a stream
 * address it goes straight to the stream (and starts no renewals of its own).
 *
 * @param {object} options
 * @param {import('./storage.js').Grant} options.grant
 * @param {string} [options.watermark] the last one seen; without it Direct Line replays everything
 * @param {string} [options.locale]
 * @param {typeof globalThis.fetch} options.fetch
 * @param {import('./clock.js').Clock} options.clock
 * @returns {Promise<{ streamUrl: string, change: object }>} change: what is now
 *   known about the grant
 */
export async function openConversation({ grant, watermark, locale, fetch, clock }) {
  const askedAt = clock.now();
  const send = (path, init) => requestConversation(fetch, grant, path, init, clock.now);
  const answer = grant.started ? await send(resumePath(grant, watermark)) : await start(send, grant, locale);
  if (typeof answer.streamUrl !== 'string') throw new Problem('bad_answer', { status: 200 });
  return { streamUrl: answer.streamUrl, referenceGrammarId: answer.referenceGrammarId, change: readChange(answer, askedAt) };
}

/**
 * The activities after a watermark, for a tab that has no stream of its own.
 *
 * @returns {Promise<{ activities: object[], watermark?: string }>}
 */
export function listActivities({ grant, watermark, fetch, clock }) {
  const path = `/${encodeURIComponent(grant.conversationId)}/activities${watermarkQuery(watermark)}`;
  return requestConversation(fetch, grant, path, {}, clock.now);
}

async function start(send, grant, locale) {
  const init = { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ locale }) };
  try {
    return await send('', init);
  } catch (problem) {
    // Another tab was quicker.
    if (problem.status === 409) return send(resumePath(grant));
    throw problem;
  }
}

function resumePath(grant, watermark) {
  return `/${encodeURIComponent(grant.conversationId)}${watermarkQuery(watermark)}`;
}

function watermarkQuery(watermark) {
  return watermark ? `?watermark=${encodeURIComponent(watermark)}` : '';
}

async function requestConversation(fetch, grant, path, init = {}, now) {
  const headers = { Accept: 'application/json', Authorization: `Bearer ${grant.token}`, ...init.headers };
  try {
    return await requestJSON(fetch, `${grant.domain}/conversations${path}`, { ...init, headers }, now);
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
