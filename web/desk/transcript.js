import { h } from './dom.js';
import { eventsElement, groupEvents, messageElement } from './entries.js';

// Messages of the same party further apart than this name it again.
const PAUSE_MS = 5 * 60_000;

/**
 * What was said, page by page: the next one is loaded as soon as the end of what
 * is there comes into view.
 */
export class Transcript {
  #element;
  #dates;
  #load;
  #foot;
  #list;
  #day;
  #previous;
  #cursor = '';
  #count = 0;
  #isLoading = false;
  #observer;

  /**
   * @param {object} options
   * @param {HTMLElement} options.element that is scrolled
   * @param {object} options.dates
   * @param {(cursor: string) => Promise<void>} options.load calls append or fail
   */
  constructor({ element, dates, load }) {
    this.#element = element;
    this.#dates = dates;
    this.#load = load;
    this.#foot = h('div', { class: 'foot' });
    this.#observer = new IntersectionObserver((changes) => changes.some((change) => change.isIntersecting) && this.#next());
  }

  start() {
    return this.#next();
  }

  /** Asks again for what failed. */
  retry() {
    this.#foot.replaceChildren();
    return this.#next();
  }

  /**
   * @param {import('./activities.js').Entry[]} entries
   * @param {string} cursor of the next page; '' at the end
   */
  append(entries, cursor) {
    this.#begin();
    this.#cursor = cursor;
    this.#count += entries.length;
    for (const group of groupEvents(entries)) this.#appendGroup(group);
    this.#element.append(this.#foot);
    this.#showFoot();
  }

  /** Shows what went wrong in place of the next page. */
  fail(element) {
    this.#begin();
    this.#observer.disconnect();
    this.#foot.replaceChildren(element);
    this.#element.append(this.#foot);
  }

  async #next() {
    if (this.#isLoading) return;
    this.#isLoading = true;
    this.#observer.disconnect();
    this.#element.setAttribute('aria-busy', 'true');
    try {
      await this.#load(this.#cursor);
    } finally {
      this.#isLoading = false;
      this.#element.setAttribute('aria-busy', 'false');
    }
    // After the page has been drawn: the end may still be in view.
    if (this.#cursor && this.#foot.firstElementChild?.matches('button')) this.#observer.observe(this.#foot);
  }

  // Takes away the shapes that stood for the first page.
  #begin() {
    this.#element.querySelector('.loading')?.remove();
  }

  #appendGroup(group) {
    this.#openDay(group[0].at);
    const [first] = group;
    if (first.kind === 'message') this.#list.append(messageElement(first, this.#goesOn(first), this.#dates));
    else this.#list.append(eventsElement(group, this.#dates));
    this.#previous = first.kind === 'message' ? first : undefined;
  }

  #goesOn({ side, name, at }) {
    const before = this.#previous;
    if (!before || before.side !== side || before.name !== name) return false;
    return !at || !before.at || at - before.at < PAUSE_MS;
  }

  // What has no time stays on the day of what came before.
  #openDay(at) {
    const day = at ? this.#dates.day(at) : (this.#day ?? '');
    if (day === this.#day) return;
    this.#day = day;
    this.#previous = undefined;
    this.#list = h('ol', { class: 'entries' });
    this.#element.append(h('section', {}, h('h3', {}, this.#dates.dayName(at)), this.#list));
  }

  #showFoot() {
    const end = h('p', { class: 'note' }, this.#count === 0 ? 'Nothing was said.' : 'End of the conversation');
    const more = h('button', { type: 'button', class: 'button', click: () => this.#next() }, 'Load more');
    this.#foot.replaceChildren(this.#cursor ? more : end);
  }
}
