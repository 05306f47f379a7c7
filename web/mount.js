import { styleOptionsFor } from './appearance.js';
import { Session } from './session.js';
import { textsFor } from './texts.js';
import { View } from './view.js';
import { loadWebChat } from './webchat.js';

/**
 * The whole chat on a page: Web Chat, what surrounds it, and its session.
 *
 * With a target the chat is shown there at once. Without one a launcher waits
 * in the corner, and nothing is asked of the server before it is used: a token
 * for each page view would be mostly waste, and Direct Line punishes bursts.
 */
export class Chat {
  #options;
  #window;
  #view;
  #session;
  #webChat;
  #dark;
  #isFilled = false;

  /**
   * @param {object} options
   * @param {string} options.api URL of the API, such as https://app.example/api
   * @param {string} [options.assistant]
   * @param {Element} [options.target]
   * @param {boolean} [options.open] opens the launcher's panel at once, phones excepted
   * @param {Partial<import('./webchat.js').Bundle>} [options.webChat]
   * @param {string} [options.locale]
   * @param {string} [options.title]
   * @param {string} [options.nonce]
   * @param {Window} [options.window]
   */
  constructor(options) {
    const { window = globalThis.window, locale, target, title, nonce } = options;
    this.#window = window;
    this.#options = { ...options, locale: locale || window.document.documentElement.lang || window.navigator.language };
    this.#dark = window.matchMedia('(prefers-color-scheme: dark)');
    this.#view = new View({
      window,
      target,
      title,
      nonce,
      texts: textsFor(this.#options.locale),
      locale: this.#options.locale,
      on: {
        onOpen: () => this.#onOpen(),
        onClose: () => this.#rememberOpen(false),
        onRetry: () => this.#session.retry(),
        onDismiss: () => this.#session.dismissRenewal()
      }
    });
    this.#dark.addEventListener('change', this.#render);
    if (target) this.#start();
    else if (this.#shouldBeOpen()) this.#view.openQuietly();
  }

  /** The element on the page; events `chatgate` that rise from it carry the session's state. */
  get element() {
    return this.#view.host;
  }

  /** @type {Session | undefined} undefined until the chat is first opened */
  get session() {
    return this.#session;
  }

  open() {
    this.#view.open();
  }

  close() {
    this.#view.close();
  }

  /** Takes the chat off the page. */
  remove() {
    this.#session?.stop();
    this.#dark.removeEventListener('change', this.#render);
    this.#view.remove();
  }

  #onOpen() {
    this.#rememberOpen(true);
    if (!this.#session) this.#start();
  }

  #start() {
    const { api, assistant, locale } = this.#options;
    // Started now, so that it loads while the token is fetched.
    this.#load().catch(() => {});
    this.#session = new Session({
      api,
      assistant,
      locale,
      window: this.#window,
      prepare: () => this.#load(),
      createDirectLine: (options) => this.#webChat.createDirectLine(options)
    });
    this.#session.addEventListener('change', () => this.#onChange());
    this.#onChange();
    this.#session.start();
  }

  async #load() {
    const { webChat = {}, nonce } = this.#options;
    this.#webChat = await loadWebChat({ bundle: webChat, nonce, window: this.#window });
    return this.#webChat;
  }

  #onChange() {
    const { state } = this.#session;
    if (state.name === 'ready' && !this.#isFilled) this.#fill();
    this.#view.show(state);
    this.element.dispatchEvent(new CustomEvent('chatgate', { detail: state, bubbles: true, composed: true }));
  }

  #fill() {
    this.#isFilled = true;
    const isAwaited = !this.#view.isInline && this.#window.document.activeElement === this.element;
    this.#view.reveal();
    this.#render();
    if (isAwaited) this.#view.focus();
  }

  #render = () => {
    if (!this.#isFilled) return;
    const { locale, nonce } = this.#options;
    const styleOptions = styleOptionsFor(this.#dark.matches);
    this.#webChat.renderWebChat({ directLine: this.#session.directLine, locale, nonce, styleOptions }, this.#view.webChat);
  };

  // For the tab, not the browser: a chat opened on one page stays open on the
  // next, and one that was closed stays closed.
  get #openKey() {
    const { api, assistant = '' } = this.#options;
    return `chatgate:${api}|${assistant}:open`;
  }

  #shouldBeOpen() {
    try {
      const remembered = this.#window.sessionStorage.getItem(this.#openKey);
      return remembered === null ? this.#options.open : remembered === 'yes';
    } catch {
      return this.#options.open;
    }
  }

  #rememberOpen(isOpen) {
    try {
      this.#window.sessionStorage.setItem(this.#openKey, isOpen ? 'yes' : 'no');
    } catch {
      // Blocked storage: the next page begins as the tag says.
    }
  }
}
