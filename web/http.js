import { Problem } from './problem.js';
import { readRetryAfter } from './schedule.js';

const TIME_LIMIT_MS = 15_000;

/**
 * Sends a request and returns the JSON object of the answer, or throws a
 * Problem. There is a time limit because a connection that died while the
 * machine slept answers neither yes nor no.
 *
 * @param {typeof globalThis.fetch} fetch
 * @param {string} url
 * @param {RequestInit} init
 * @param {() => number} now
 */
export async function requestJSON(fetch, url, init, now) {
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(), TIME_LIMIT_MS);
  try {
    const response = await fetch(url, { cache: 'no-store', credentials: 'omit', ...init, signal: limit.signal });
    return await readAnswer(response, now);
  } catch (error) {
    throw error instanceof Problem ? error : new Problem('network', { cause: error });
  } finally {
    clearTimeout(timer);
  }
}

async function readAnswer(response, now) {
  const body = await response.json().catch(() => undefined);
  if (!response.ok) throw problemOf(response, body, now());
  if (body === null || typeof body !== 'object') throw new Problem('bad_answer', { status: response.status });
  return body;
}

function problemOf(response, body, now) {
  return new Problem(codeOf(body) ?? `http_${response.status}`, {
    status: response.status,
    retryAfter: readRetryAfter(response.headers.get('Retry-After'), now)
  });
}

// Chatgate puts the code at the top (RFC 9457), Direct Line under `error`.
function codeOf(body) {
  const code = body?.code ?? body?.error?.code;
  return typeof code === 'string' ? code : undefined;
}
