/**
 * Addresses in messages. Whoever writes to a bot, and whatever a bot relays, may
 * put anything there.
 */

const MAX_LENGTH = 4_096;

/**
 * The address to link to, or undefined for what is shown as text instead:
 * anything but an absolute http or https URL (javascript:, data: and the like,
 * also in disguise), and URLs with a name before the host, which only pretend to
 * lead there.
 *
 * @param {unknown} address
 * @returns {URL | undefined}
 */
export function safeLink(address) {
  if (typeof address !== 'string' || address.length > MAX_LENGTH) return undefined;
  // The parser drops tabs, line breaks and blanks around; who writes them hides something.
  if (/[\u0000-\u0020\u007f-\u009f\\]/.test(address)) return undefined;
  if (!URL.canParse(address)) return undefined;
  const url = new URL(address);
  const leadsThere = (url.protocol === 'https:' || url.protocol === 'http:') && url.username === '' && url.password === '';
  return leadsThere ? url : undefined;
}

/**
 * An address as words, where it cannot be linked to. What data URLs hold is too
 * long to be read.
 *
 * @param {unknown} address
 */
export function describeAddress(address) {
  if (typeof address !== 'string') return '';
  return /^\s*data:/i.test(address) ? 'held in the message' : address;
}
