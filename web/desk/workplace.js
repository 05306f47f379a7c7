import { AuditView } from './audit.js';
import { ConversationView } from './conversation.js';
import { createDates, pageLocale } from './dates.js';
import { byId, h } from './dom.js';
import { confirmErasure } from './erase.js';
import { ListView } from './list.js';
import { formatRoute, parseRoute } from './router.js';
import { announce } from './states.js';

const TITLE = 'Service desk';

/** What a consultant works with: the list, a conversation, and the audit trail. */
export class Workplace {
  #api;
  #assistants;
  #list;
  #conversation;
  #audit;
  #route = { view: 'list' };
  #returnTo;
  #onError;
  #mayRead;
  #mayErase;

  /**
   * @param {object} options
   * @param {ReturnType<typeof import('./api.js').createApi>} options.api
   * @param {string[]} options.assistants at least one
   * @param {string[]} options.roles
   * @param {string} options.reader object id of who is signed in
   * @param {(error: unknown) => boolean} options.onError whether the error has been dealt with
   */
  constructor({ api, assistants, roles, reader, onError }) {
    const dates = createDates({ locale: pageLocale(navigator.languages) });
    this.#api = api;
    this.#assistants = assistants;
    this.#onError = onError;
    this.#mayRead = roles.includes('Desk.Read');
    this.#mayErase = roles.includes('Desk.Erase');
    const onErase = (kind, about) => this.#erase(kind, about);
    this.#list = new ListView({ element: byId('list'), api, dates, onError });
    this.#conversation = new ConversationView({ element: byId('conversation'), api, dates, mayErase: this.#mayErase, onError, onErase });
    this.#audit = new AuditView({ element: byId('audit'), api, dates, reader, onError });
  }

  start() {
    this.#buildChooser();
    addEventListener('hashchange', () => this.#follow());
    this.#follow();
  }

  /** Shows what the address says. */
  #follow() {
    const before = this.#route;
    const wanted = parseRoute(location.hash);
    // Of one assistant there is nothing to choose.
    if (!wanted.assistant) return location.replace(formatRoute({ view: 'list', assistant: this.#assistants[0] }));
    const permitted = this.#permitted(wanted.view);
    if (permitted !== wanted.view) return location.replace(formatRoute({ view: permitted, assistant: wanted.assistant }));
    this.#route = wanted;
    document.body.dataset.view = wanted.view;
    document.title = `${{ list: wanted.assistant, conversation: 'Conversation', audit: 'Audit trail' }[wanted.view]} · ${TITLE}`;
    this.#showPlaces(wanted);
    if (wanted.view === 'audit') this.#audit.open(wanted.assistant);
    else this.#showConversations(wanted, before);
    this.#moveFocus(wanted, before);
  }

  // The audit is for who may erase, which is not to say that they may read. Who may
  // neither gets the list, and is told there what is missing.
  #permitted(view) {
    if (view === 'audit') return this.#mayErase ? 'audit' : 'list';
    return this.#mayErase && !this.#mayRead ? 'audit' : view;
  }

  #showConversations(wanted, before) {
    this.#list.show(wanted.assistant);
    this.#list.mark(wanted.key ?? '');
    if (wanted.view === 'list') this.#conversation.clear();
    else if (wanted.key !== before.key || wanted.assistant !== before.assistant) this.#conversation.open(wanted, this.#list.find(wanted.key));
  }

  // To what has been opened, and back to where that was.
  #moveFocus(wanted, before) {
    if (wanted.view === 'conversation') this.#conversation.focus();
    else if (wanted.view === 'audit') this.#audit.focus();
    else if (before.view === 'conversation') this.#list.focus(this.#returnTo ?? before.key);
    else byId('list-title').focus();
    this.#returnTo = undefined;
  }

  #buildChooser() {
    const choose = (event) => (location.hash = formatRoute({ view: 'list', assistant: event.target.value }));
    const options = this.#assistants.map((id) => h('option', { value: id }, id));
    const chooser = h('select', { id: 'assistant', change: choose }, options);
    const name = h('span', { class: 'assistant' }, this.#assistants[0]);
    byId('chooser').replaceChildren(...(this.#assistants.length > 1 ? [h('label', { for: 'assistant', class: 'unseen' }, 'Assistant'), chooser] : [name]));
  }

  #showPlaces({ assistant, view }) {
    const place = (words, target) => h('a', { href: formatRoute({ view: target, assistant }), 'aria-current': (view === 'audit') === (target === 'audit') && 'page' }, words);
    byId('places').replaceChildren(...(this.#mayErase && this.#mayRead ? [place('Conversations', 'list'), place('Audit trail', 'audit')] : []));
    const chooser = byId('assistant');
    if (chooser) chooser.value = assistant;
  }

  async #erase(kind, about) {
    const { assistant, key, userId } = about;
    const erase = () => (kind === 'user' ? this.#api.eraseUser(assistant, userId) : this.#api.eraseConversation(assistant, key));
    const isErased = await confirmErasure({ dialog: byId('erase'), kind, about, erase, onError: this.#onError });
    if (!isErased) return;
    this.#returnTo = this.#list.remove(key);
    if (kind === 'user') await this.#list.reload();
    location.replace(formatRoute({ view: 'list', assistant }));
    announce(kind === 'user' ? 'All conversations of the visitor have been erased.' : 'The conversation has been erased.');
  }
}
