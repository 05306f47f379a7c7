/**
 * The list of conversations, without its looks.
 *
 * @typedef {object} Listed
 * @property {string} key
 * @property {string} conversationId
 * @property {string} [userId]
 * @property {string} [userName]
 * @property {string} [channelId]
 * @property {string} [lastActivityAt]
 * @property {string} [lastText]
 */

/**
 * Text as it is compared: without accents and case, so that "Muller" and
 * "MÜLLER" are found by "müller". Ligatures and full-width letters count as what
 * they stand for.
 *
 * @param {string} text
 */
export function fold(text) {
  return text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase().replaceAll('ß', 'ss').trim();
}

/**
 * Whether the conversation has all words of the query in its text, name or ids.
 *
 * @param {Listed} item
 * @param {string} query
 */
export function matches(item, query) {
  const words = fold(query).split(/\s+/).filter(Boolean);
  const searched = fold([item.lastText, item.userName, item.userId, item.conversationId].filter(Boolean).join('\n'));
  return words.every((word) => searched.includes(word));
}

/**
 * Groups neighbours of the same day, and keeps their order.
 *
 * @template T
 * @param {T[]} items
 * @param {(item: T) => string} dayOf
 * @returns {{ day: string, items: T[] }[]}
 */
export function groupByDay(items, dayOf) {
  const groups = [];
  for (const item of items) {
    const day = dayOf(item);
    if (groups.at(-1)?.day !== day) groups.push({ day, items: [] });
    groups.at(-1).items.push(item);
  }
  return groups;
}

/**
 * The pages that have been loaded as one list, each conversation once: one that
 * goes on while its reader turns pages may come twice.
 *
 * @param {Listed[]} loaded
 * @param {Listed[]} page
 */
export function appendPage(loaded, page) {
  const byKey = new Map(loaded.map((item) => [item.key, item]));
  for (const item of page) if (!byKey.has(item.key)) byKey.set(item.key, item);
  return [...byKey.values()];
}

/** @param {Listed} item */
export const nameOf = (item) => item.userName || (item.userId ? `Visitor ${shorten(item.userId)}` : 'Unknown visitor');

/**
 * An id short enough for a line; the beginning and the end tell it apart.
 *
 * @param {string} id
 */
export const shorten = (id) => (id.length > 16 ? `${id.slice(0, 9)}…${id.slice(-4)}` : id);
