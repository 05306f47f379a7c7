/**
 * Days and times, in the reader's own time zone.
 */

const DAY_MS = 86_400_000;

/** English, as the page's words are, in the reader's own variety of it. */
export function pageLocale(languages) {
  return languages.find((language) => /^en\b/i.test(language)) ?? 'en-GB';
}

/**
 * @param {object} [options]
 * @param {string} [options.locale]
 * @param {string} [options.timeZone] the browser's where left out
 * @param {() => number} [options.now]
 */
export function createDates({ locale = 'en-GB', timeZone, now = Date.now } = {}) {
  const format = (options) => new Intl.DateTimeFormat(locale, { timeZone, ...options });
  // A notation in which days sort and compare as text.
  const dayNumber = new Intl.DateTimeFormat('en-CA', { timeZone, year: 'numeric', month: '2-digit', day: '2-digit' });
  const time = format({ timeStyle: 'short' });
  const day = format({ weekday: 'long', day: 'numeric', month: 'long' });
  const dayOfYear = format({ weekday: 'long', day: 'numeric', month: 'long', year: 'numeric' });
  const full = format({ dateStyle: 'long', timeStyle: 'medium' });
  const short = format({ dateStyle: 'medium', timeStyle: 'short' });
  const dayOf = (date) => dayNumber.format(date);

  return {
    /** The day as YYYY-MM-DD; '' where there is no date. */
    day: (date) => (date ? dayOf(date) : ''),

    /** How a heading names the day of a date. */
    dayName(date) {
      if (!date) return 'Without a date';
      const wanted = dayOf(date);
      if (wanted === dayOf(now())) return 'Today';
      if (wanted === dayOf(now() - DAY_MS)) return 'Yesterday';
      return wanted.slice(0, 4) === dayOf(now()).slice(0, 4) ? day.format(date) : dayOfYear.format(date);
    },

    time: (date) => (date ? time.format(date) : ''),
    full: (date) => (date ? full.format(date) : ''),
    short: (date) => (date ? short.format(date) : '')
  };
}

/**
 * @param {unknown} text as JSON has it
 * @returns {Date | undefined}
 */
export function parseDate(text) {
  if (typeof text !== 'string') return undefined;
  const date = new Date(text);
  return Number.isNaN(date.getTime()) ? undefined : date;
}

/**
 * The instants that a choice of days means: from the beginning of the first up
 * to, not including, the beginning of the day after the last. Empty is open.
 *
 * The end is that of the day in UTC: of each such day the server counts the last
 * activity of a conversation only, so that a span which ended within it would
 * leave out who wrote before its end and once more after it.
 *
 * @param {string} first as a date field has it, YYYY-MM-DD
 * @param {string} last
 */
export function spanOf(first, last) {
  const end = startOfDay(last, 1);
  return { from: startOfDay(first, 0)?.toISOString(), to: end && new Date(Math.ceil(end / DAY_MS) * DAY_MS).toISOString() };
}

/**
 * Whether a choice of days up to this one lets in some of the day after it, for
 * the reader's day and that of UTC are not the same.
 *
 * @param {string} last
 */
export function reachesFurther(last) {
  const end = startOfDay(last, 1);
  return end !== undefined && end % DAY_MS !== 0;
}

/**
 * Whether a choice of days ends before it begins, which nothing can be on.
 *
 * @param {string} first
 * @param {string} last
 */
export function isReversed(first, last) {
  const begin = startOfDay(first, 0);
  const end = startOfDay(last, 0);
  return begin !== undefined && end !== undefined && begin > end;
}

// By the calendar, not by 24 hours: days on which clocks change have 23 or 25.
function startOfDay(text, later) {
  const match = /^(\d{4})-(\d{2})-(\d{2})$/.exec(text ?? '');
  if (!match) return undefined;
  const [year, month, day] = match.slice(1).map(Number);
  const date = new Date(2000, month - 1, day + later);
  date.setFullYear(year, month - 1, day + later);
  return Number.isNaN(date.getTime()) ? undefined : date;
}
