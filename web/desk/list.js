import { isReversed, parseDate, reachesFurther, spanOf } from './dates.js';
import { h, icon, isolated } from './dom.js';
import { appendPage, groupByDay, matches, nameOf } from './listing.js';
import { withoutMarks } from './markdown.js';
import { formatRoute } from './router.js';
import { announce, empty, failure, loading } from './states.js';

const TYPING_PAUSE_MS = 150;
const MAX_EMPTY_PAGES = 5;

/** The conversations of an assistant: by day, newest first. */
export class ListView {
  #api;
  #dates;
  #assistant = '';
  #current = '';
  #items = [];
  #cursor = '';
  #isLoaded = false;
  #loading;
  #search;
  #first;
  #last;
  #days;
  #note;
  #status;
  #foot;

  /**
   * @param {object} options
   * @param {HTMLElement} options.element that the list fills
   * @param {ReturnType<typeof import('./api.js').createApi>} options.api
   * @param {ReturnType<typeof import('./dates.js').createDates>} options.dates
   * @param {(error: unknown) => boolean} options.onError whether the error has been dealt with
   */
  constructor({ element, api, dates, onError }) {
    this.#api = api;
    this.#dates = dates;
    this.onError = onError;
    this.#build(element);
  }

  /**
   * Shows the assistant's conversations, loaded anew if they are another's.
   *
   * @param {string} assistant
   */
  show(assistant) {
    if (assistant === this.#assistant) return;
    this.#assistant = assistant;
    this.reload();
  }

  /** Marks the conversation that is open; '' for none. */
  mark(key) {
    this.#current = key;
    for (const link of this.#links()) this.#markLink(link);
  }

  /** Takes the keyboard to a conversation, or to the list where it is not in there. */
  focus(key) {
    const link = this.#links().find((one) => one.dataset.key === key);
    (link ?? this.#title).focus();
  }

  /** What the list knows of a conversation. */
  find(key) {
    return this.#items.find((item) => item.key === key);
  }

  /** Takes a conversation off the list, and gives the key of its neighbour. */
  remove(key) {
    const index = this.#items.findIndex((item) => item.key === key);
    this.#items = this.#items.filter((item) => item.key !== key);
    this.#render();
    return this.#items[Math.max(0, Math.min(index, this.#items.length - 1))]?.key;
  }

  reload() {
    this.#items = [];
    this.#cursor = '';
    this.#isLoaded = false;
    this.#status.textContent = '';
    if (this.#isReversed) return this.#showReversed();
    this.#days.replaceChildren(loading('Loading conversations…'));
    return this.#load();
  }

  // The server would refuse such a span, and refuse it again.
  #showReversed() {
    this.#loading?.abort();
    this.#isLoaded = true;
    this.#render();
  }

  get #isReversed() {
    return isReversed(this.#first.value, this.#last.value);
  }

  async #load() {
    this.#loading?.abort();
    const loads = (this.#loading = new AbortController());
    this.#days.setAttribute('aria-busy', 'true');
    this.#foot.replaceChildren();
    try {
      await this.#loadPages(loads.signal);
      if (loads.signal.aborted) return;
      this.#isLoaded = true;
      this.#render();
    } catch (error) {
      if (!loads.signal.aborted) this.#fail(error);
    } finally {
      if (loads === this.#loading) this.#days.setAttribute('aria-busy', 'false');
    }
  }

  // A page may be empty although more follow: the server looks only so far.
  async #loadPages(signal) {
    const known = this.#items.length;
    const span = spanOf(this.#first.value, this.#last.value);
    for (let pages = 0; pages < MAX_EMPTY_PAGES; pages++) {
      const { items = [], cursor = '' } = await this.#api.conversations(this.#assistant, { ...span, cursor: this.#cursor }, signal);
      if (signal.aborted) return;
      this.#items = appendPage(this.#items, items);
      this.#cursor = cursor;
      if (this.#items.length > known || !cursor) return;
    }
  }

  #fail(error) {
    if (this.onError(error)) return;
    if (this.#items.length === 0) this.#days.replaceChildren();
    this.#foot.replaceChildren(failure(error, () => (this.#items.length === 0 ? this.reload() : this.#load())));
  }

  async #loadMore() {
    const known = this.#items.length;
    await this.#load();
    const added = this.#items[known];
    // The button had the keyboard and has gone.
    if (added && !this.#foot.querySelector('button')) this.focus(added.key);
    else this.#foot.querySelector('button')?.focus();
    announce(`${this.#items.length - known} more conversations`);
  }

  #render() {
    if (!this.#isLoaded) return;
    const query = this.#search.value;
    const found = this.#items.filter((item) => matches(item, query));
    const days = groupByDay(found, (item) => this.#dates.day(parseDate(item.lastActivityAt)));
    this.#days.replaceChildren(...days.map((day) => this.#dayElement(day)));
    if (found.length === 0) this.#days.replaceChildren(this.#emptyElement());
    this.#status.textContent = this.#summary(query, found.length);
    this.#note.hidden = this.#isReversed || !reachesFurther(this.#last.value);
    this.#foot.replaceChildren(...(this.#cursor ? [h('button', { type: 'button', class: 'button', click: () => this.#loadMore() }, 'Load more')] : []));
  }

  #summary(query, count) {
    if (this.#items.length === 0) return '';
    const all = `${this.#items.length}${this.#cursor ? ' loaded' : ''} conversation${this.#items.length === 1 ? '' : 's'}`;
    return query.trim() ? `${count} of ${all} found${this.#cursor ? '. Load more to search on.' : ''}` : all;
  }

  #emptyElement() {
    if (this.#isReversed) return empty({ title: 'The first day is after the last', text: 'Change one of the two.' });
    if (this.#items.length > 0) return empty({ picture: 'search', title: 'Nothing found', text: 'No name, id or last message in this list has these words. What was said before it is not searched.' });
    if (this.#cursor) return empty({ title: 'No conversations so far', text: 'Load more to look further back.' });
    if (this.#first.value || this.#last.value) return empty({ title: 'No conversations on these days' });
    return empty({ title: 'No conversations yet', text: 'They appear here as soon as visitors write.' });
  }

  #dayElement({ items }) {
    const name = this.#dates.dayName(parseDate(items[0].lastActivityAt));
    return h('section', {}, h('h3', {}, name), h('ul', {}, items.map((item) => h('li', {}, this.#itemElement(item)))));
  }

  #itemElement(item) {
    const at = parseDate(item.lastActivityAt);
    const link = h(
      'a',
      { href: formatRoute({ view: 'conversation', assistant: this.#assistant, key: item.key }), 'data-key': item.key },
      h('span', { class: 'who' }, isolated(nameOf(item))),
      at && h('time', { datetime: at.toISOString(), title: this.#dates.full(at) }, this.#dates.time(at)),
      h('span', { class: 'last', dir: 'auto' }, excerptOf(item.lastText) || 'No text')
    );
    this.#markLink(link);
    return link;
  }

  #markLink(link) {
    if (link.dataset.key === this.#current) link.setAttribute('aria-current', 'true');
    else link.removeAttribute('aria-current');
  }

  #links() {
    return [...this.#days.querySelectorAll('a')];
  }

  get #title() {
    return document.getElementById('list-title');
  }

  #build(element) {
    let pause;
    const search = () => {
      clearTimeout(pause);
      pause = setTimeout(() => this.#render(), TYPING_PAUSE_MS);
    };
    const reload = () => this.reload();
    this.#search = h('input', { type: 'search', id: 'search', placeholder: 'Name, last message or id', autocomplete: 'off', spellcheck: 'false', input: search });
    this.#first = h('input', { type: 'date', id: 'first-day', change: reload });
    this.#last = h('input', { type: 'date', id: 'last-day', change: reload });
    this.#status = h('p', { class: 'count', role: 'status' });
    this.#note = h('p', { class: 'note', hidden: true }, 'Days end at midnight UTC: some of the day after are shown too.');
    this.#days = h('div', { class: 'days', keydown: (event) => this.#onKey(event) });
    this.#foot = h('div', { class: 'foot' });
    element.append(
      h(
        'div',
        { class: 'filters', role: 'search', 'aria-label': 'Conversations' },
        h('div', { class: 'heading' }, h('h2', { id: 'list-title', tabindex: '-1' }, 'Conversations'), h('button', { type: 'button', class: 'quiet', click: reload }, 'Refresh')),
        h('div', { class: 'search' }, h('label', { for: 'search', class: 'unseen' }, 'Search loaded conversations'), icon('search'), this.#search),
        h('div', { class: 'span' }, h('label', {}, 'From', this.#first), h('label', {}, 'To', this.#last))
      ),
      this.#note,
      this.#status,
      h('nav', { class: 'scroll', 'aria-labelledby': 'list-title' }, this.#days, this.#foot)
    );
  }

  #onKey(event) {
    const links = this.#links();
    const at = links.indexOf(event.target);
    const next = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: links.length - 1 }[event.key];
    if (at < 0 || next === undefined || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    links[Math.max(0, Math.min(next, links.length - 1))].focus();
  }
}

// Marks may be far apart, so more is read than is shown.
const excerptOf = (text) => withoutMarks((text ?? '').slice(0, 2_000)).slice(0, 300);
