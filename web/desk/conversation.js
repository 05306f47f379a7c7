import { entryOf } from './activities.js';
import { h, icon, isolated } from './dom.js';
import { saveTranscript } from './export.js';
import { nameOf, shorten } from './listing.js';
import { formatRoute } from './router.js';
import { announce, empty, failure, loading } from './states.js';
import { Transcript } from './transcript.js';

/** One conversation: who it is with, what can be done with it, and what was said. */
export class ConversationView {
  #api;
  #dates;
  #element;
  #route;
  #loading;
  #about = {};
  #mayErase;

  /**
   * @param {object} options
   * @param {HTMLElement} options.element that the conversation fills
   * @param {ReturnType<typeof import('./api.js').createApi>} options.api
   * @param {ReturnType<typeof import('./dates.js').createDates>} options.dates
   * @param {boolean} options.mayErase
   * @param {(error: unknown) => boolean} options.onError whether the error has been dealt with
   * @param {(kind: 'conversation' | 'user', about: object) => void} options.onErase
   */
  constructor({ element, api, dates, mayErase, onError, onErase }) {
    this.#element = element;
    this.#api = api;
    this.#dates = dates;
    this.#mayErase = mayErase;
    this.onError = onError;
    this.onErase = onErase;
  }

  /** Shows that no conversation is open. */
  clear() {
    this.#loading?.abort();
    this.#route = undefined;
    this.#element.replaceChildren(empty({ title: 'No conversation is open', text: 'Choose one from the list.' }));
  }

  /**
   * @param {{ assistant: string, key: string }} route
   * @param {object} [known] what the list knows of it already
   */
  open(route, known = {}) {
    this.#loading?.abort();
    const loads = (this.#loading = new AbortController());
    this.#route = route;
    this.#about = known;
    const scroll = h('div', { class: 'scroll', role: 'region', 'aria-label': 'Messages', tabindex: '0' });
    const head = this.#headElement();
    this.#element.replaceChildren(head, scroll);
    const transcript = new Transcript({ element: scroll, dates: this.#dates, load: (cursor) => this.#loadPage(cursor, loads, transcript) });
    scroll.append(loading('Loading the conversation…', 4));
    return transcript.start();
  }

  /** Takes the keyboard to the heading, which screen readers then read. */
  focus() {
    this.#element.querySelector('h2')?.focus();
  }

  async #loadPage(cursor, loads, transcript) {
    try {
      const { assistant, key } = this.#route;
      const page = await this.#api.conversation(assistant, key, cursor, loads.signal);
      if (loads.signal.aborted) return;
      const { activities = [], cursor: next = '', ...about } = page;
      if (!cursor) this.#showHead({ ...this.#about, ...about });
      transcript.append(activities.map((activity) => entryOf(activity, this.#about)), next);
    } catch (error) {
      if (loads.signal.aborted || this.onError(error)) return;
      if (error.status === 404) this.#showGone(transcript);
      else transcript.fail(failure(error, () => transcript.retry()));
    }
  }

  #showGone(transcript) {
    for (const button of this.#element.querySelectorAll('.actions button')) button.remove();
    transcript.fail(empty({ title: 'This conversation is not there', text: 'It was erased, or its time of retention is over.' }));
  }

  #showHead(about) {
    this.#about = about;
    const hadFocus = this.#element.querySelector('header')?.contains(document.activeElement);
    this.#element.querySelector('header').replaceWith(this.#headElement());
    if (hadFocus) this.focus();
  }

  #headElement() {
    const { userId, conversationId, channelId } = this.#about;
    const facts = [
      ['Visitor', userId],
      ['Conversation', conversationId],
      ['Channel', channelId]
    ].filter(([, value]) => value);
    const back = h('a', { class: 'back', href: formatRoute({ view: 'list', assistant: this.#route.assistant }) }, icon('back'), h('span', { class: 'unseen' }, 'Back to the list'));
    const heading = h('h2', { id: 'conversation-title', tabindex: '-1' }, isolated(userId || this.#about.userName ? nameOf(this.#about) : 'Conversation'));
    const about = h('dl', { class: 'about' }, facts.map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', { title: value }, isolated(shorten(value))))));
    return h('header', {}, back, heading, about, this.#actionsElement());
  }

  #actionsElement() {
    const button = (picture, words, click, more = '') => h('button', { type: 'button', class: `button ${more}`.trim(), click }, icon(picture), words);
    return h(
      'div',
      { class: 'actions', role: 'group', 'aria-label': 'This conversation' },
      button('link', 'Copy link', () => copyLink()),
      button('download', 'Export', (event) => this.#export(event.currentTarget)),
      this.#mayErase && button('erase', 'Erase…', () => this.onErase('conversation', this.#subject()), 'danger'),
      this.#mayErase && this.#about.userId && button('person', 'Erase visitor…', () => this.onErase('user', this.#subject()), 'danger')
    );
  }

  #subject() {
    return { ...this.#about, ...this.#route };
  }

  async #export(button) {
    button.disabled = true;
    try {
      const { assistant, key } = this.#route;
      saveTranscript(await this.#api.transcript(assistant, key), this.#about.conversationId ?? key);
      announce('The conversation has been exported.');
    } catch (error) {
      if (!this.onError(error)) announce(`The export failed. ${error.detail ?? ''}`);
    } finally {
      button.disabled = false;
    }
  }
}

async function copyLink() {
  try {
    await navigator.clipboard.writeText(location.href);
    announce('The link has been copied. Only consultants who may read this conversation can open it.');
  } catch {
    announce(`Copy this link: ${location.href}`);
  }
}
