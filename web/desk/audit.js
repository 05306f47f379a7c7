import { parseDate } from './dates.js';
import { h, isolated } from './dom.js';
import { shorten } from './listing.js';
import { formatRoute, isKey } from './router.js';
import { empty, failure, loading } from './states.js';
import { ACTIONS } from './texts.js';

/** Who has read, exported and erased what: newest first. */
export class AuditView {
  #element;
  #api;
  #dates;
  #reader;
  #assistant = '';
  #loading;
  #rows;
  #foot;

  /**
   * @param {object} options
   * @param {HTMLElement} options.element that the trail fills
   * @param {ReturnType<typeof import('./api.js').createApi>} options.api
   * @param {ReturnType<typeof import('./dates.js').createDates>} options.dates
   * @param {string} options.reader object id of who is signed in
   * @param {(error: unknown) => boolean} options.onError whether the error has been dealt with
   */
  constructor({ element, api, dates, reader, onError }) {
    this.#element = element;
    this.#api = api;
    this.#dates = dates;
    this.#reader = reader;
    this.onError = onError;
  }

  /** @param {string} assistant whose trail is loaded anew */
  open(assistant) {
    this.#assistant = assistant;
    this.#rows = undefined;
    this.#foot = h('div', { class: 'foot' }, loading('Loading the audit trail…'));
    this.#element.replaceChildren(
      h('header', {}, h('h2', { id: 'audit-title', tabindex: '-1' }, 'Audit trail'), h('p', {}, 'What consultants have read, exported and erased of this assistant.')),
      this.#foot
    );
    return this.#load('');
  }

  focus() {
    this.#element.querySelector('h2')?.focus();
  }

  async #load(cursor) {
    this.#loading?.abort();
    const loads = (this.#loading = new AbortController());
    this.#element.setAttribute('aria-busy', 'true');
    try {
      const { items = [], cursor: next = '' } = await this.#api.audit(this.#assistant, cursor, loads.signal);
      if (!loads.signal.aborted) this.#append(items, next);
    } catch (error) {
      if (loads.signal.aborted || this.onError(error)) return;
      this.#foot.replaceChildren(failure(error, () => this.#load(cursor)));
    } finally {
      if (loads === this.#loading) this.#element.setAttribute('aria-busy', 'false');
    }
  }

  #append(items, next) {
    if (!this.#rows && items.length === 0 && !next) {
      this.#foot.replaceChildren(empty({ picture: 'shield', title: 'Nothing has been recorded yet' }));
      return;
    }
    this.#rows ??= this.#tableBody();
    this.#rows.append(...items.map((item) => this.#rowElement(item)));
    const more = h('button', { type: 'button', class: 'button', click: () => this.#load(next) }, 'Load more');
    this.#foot.replaceChildren(next ? more : h('p', { class: 'note' }, 'End of the trail'));
  }

  #tableBody() {
    const body = h('tbody');
    const head = ['When', 'What', 'Who', 'Of what'].map((name) => h('th', { scope: 'col' }, name));
    const table = h('table', {}, h('thead', {}, h('tr', {}, head)), body);
    this.#foot.before(h('div', { class: 'table', role: 'region', 'aria-label': 'Entries', tabindex: '0' }, table));
    return body;
  }

  #rowElement({ at, action, tenantId, objectId, conversationKey, userId, count }) {
    const when = parseDate(at);
    const what = Object.hasOwn(ACTIONS, action ?? '') ? ACTIONS[action] : action;
    return h(
      'tr',
      {},
      h('td', {}, when && h('time', { datetime: when.toISOString(), title: this.#dates.full(when) }, this.#dates.short(when))),
      h('td', {}, what ?? '–', count > 1 && ` (${count})`),
      h('td', {}, whoElement({ tenantId, objectId }, this.#reader)),
      h('td', {}, this.#subject(action, conversationKey, userId))
    );
  }

  #subject(action, key, userId) {
    if (userId) return ['Visitor ', h('code', { title: userId }, isolated(shorten(userId)))];
    if (!key) return '–';
    const isGone = action === 'erase_conversation' || action === 'purge';
    if (isGone || !isKey(key)) return h('code', { title: key }, isolated(shorten(key)));
    return h('a', { href: formatRoute({ view: 'conversation', assistant: this.#assistant, key }), title: key }, shorten(key));
  }
}

/**
 * Who did it. Entra ID's ids are all that is recorded of people; one's own needs
 * no looking up.
 *
 * @param {{ tenantId?: string, objectId?: string }} person
 * @param {string} reader object id of who reads this
 */
export function whoElement({ tenantId, objectId }, reader) {
  if (!objectId) return 'The service itself';
  const title = `${objectId} of tenant ${tenantId}`;
  return objectId === reader ? h('span', { title }, 'You') : h('code', { title }, shorten(objectId));
}
