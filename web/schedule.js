/**
 * When to renew a token and when to try again: pure arithmetic.
 */

const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 60_000;

/**
 * When a token is to be renewed: about half way through its life, which leaves
 * the other half for retries. The share of chance keeps the browsers that
 * loaded a page together from coming back together.
 *
 * @param {{ issuedAt: number, expiresAt: number }} grant
 * @param {number} chance from 0 to 1, drawn once a page
 */
export function renewalTime({ issuedAt, expiresAt }, chance) {
  return issuedAt + Math.round((expiresAt - issuedAt) * (0.45 + 0.1 * chance));
}

/**
 * How long to wait after the given number of failures in a row (1 for the
 * first): doubling from a second to a minute, of which the upper half is left
 * to chance. A wait that the server asked for is the least.
 *
 * @param {number} failures
 * @param {number} chance from 0 to 1
 * @param {number} [askedFor] milliseconds; 0 where the server asked for nothing
 */
export function retryDelay(failures, chance, askedFor = 0) {
  const longest = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** (failures - 1));
  const delay = longest * (0.5 + 0.5 * chance);
  return askedFor > 0 ? Math.max(delay, askedFor * (1 + 0.1 * chance)) : delay;
}

/**
 * Reads a Retry-After header (RFC 9110, section 10.2.3): seconds or a date.
 *
 * @param {string | null} value
 * @param {number} now
 * @returns {number} milliseconds; 0 where it is absent, unreadable or past
 */
export function readRetryAfter(value, now) {
  if (!value) return 0;
  if (/^\d{1,9}$/.test(value.trim())) return Number(value) * 1_000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? 0 : Math.max(0, date - now);
}
