/**
 * What surrounds Web Chat: a launcher and its panel, or just a frame inside the
 * page's own element, and one line that says how the connection is.
 *
 * All of it lives in a shadow tree, so that the page's styles and this one's do
 * not meet. Web Chat itself is put through a slot, because the library that
 * writes its styles puts them into the document.
 */

const ICON = {
  chat: 'M4 4h16a2 2 0 0 1 2 2v10a2 2 0 0 1-2 2H9l-5 4v-4a2 2 0 0 1-2-2V6a2 2 0 0 1 2-2Z',
  close: 'M6 6l12 12M18 6L6 18'
};

/** States in which a button offers to try again. */
const RETRY_STATES = new Set(['away', 'offline', 'refused']);

// Below this width the panel takes the whole screen (see widget.css).
const PHONE = '(max-width: 30rem), (max-height: 25rem)';

export class View {
  #window;
  #texts;
  #launcher;
  #panel;
  #notice;
  #message;
  #code;
  #retry;
  #dismiss;
  #stopListening = new AbortController();

  /**
   * @param {object} options
   * @param {Window} options.window
   * @param {Element} [options.target] the page's own element; without it a launcher is shown
   * @param {string} [options.title]
   * @param {string} [options.nonce]
   * @param {Record<string, string>} options.texts
   * @param {string} options.locale
   * @param {{ onOpen: () => void, onClose: () => void, onRetry: () => void, onDismiss: () => void }} options.on
   */
  constructor({ window, target, title, nonce, texts, locale, on }) {
    this.#window = window;
    this.#texts = texts;
    this.on = on;
    this.isInline = Boolean(target);
    this.webChat = this.#element('div', { class: 'chatgate-webchat' });
    const place = this.isInline ? 'inline' : 'corner';
    const style = this.#styleSheet('webchat.css', nonce);
    this.host = this.#element('chatgate-chat', { lang: locale, 'data-place': place }, style, this.webChat);
    this.#build(title, nonce);
    (target ?? window.document.body).append(this.host);
  }

  get isOpen() {
    return this.isInline || this.#panel.open;
  }

  /** Shows the panel and takes the keyboard there. */
  open() {
    if (this.isOpen) return;
    // On a phone nothing else is to be seen, so nothing else may be reached.
    if (this.#isPhone) this.#panel.showModal();
    else this.#panel.show();
    this.#onOpened();
    this.focus();
  }

  /**
   * Shows the panel without being asked by the visitor: the keyboard stays where
   * it is, and a phone's screen is not taken.
   */
  openQuietly() {
    if (this.isOpen || this.#isPhone) return;
    // The method show() would take the keyboard, the attribute does not.
    this.#panel.setAttribute('open', '');
    this.#onOpened();
  }

  close() {
    if (!this.isInline) this.#panel.close();
  }

  /** Takes the keyboard to where one types, or to the panel while there is nothing yet. */
  focus() {
    (this.webChat.querySelector('[data-id="webchat-sendbox-input"]') ?? this.#panel).focus();
  }

  /**
   * @param {import('./session.js').State} state
   */
  show(state) {
    const text = this.#textOf(state);
    const hadFocus = this.#notice.contains(this.host.shadowRoot.activeElement);
    this.#panel.dataset.state = state.name;
    if (this.#message.textContent !== text) this.#message.textContent = text;
    this.#notice.classList.toggle('quiet', text === '');
    this.#code.textContent = state.name === 'refused' ? state.code : '';
    this.#retry.hidden = !RETRY_STATES.has(state.name);
    this.#dismiss.hidden = !(state.name === 'ready' && state.isRenewed);
    // The button that had the keyboard has gone: it must not fall to the page.
    if (hadFocus && this.#retry.hidden && this.#dismiss.hidden) this.focus();
  }

  /** From now on there is a chat to be seen behind the notice. */
  reveal() {
    this.#panel.dataset.filled = '';
  }

  remove() {
    this.#stopListening.abort();
    this.host.remove();
  }

  get #isPhone() {
    return this.#window.matchMedia(PHONE).matches;
  }

  #onOpened() {
    this.#launcher.setAttribute('aria-expanded', 'true');
    this.on.onOpen();
  }

  #textOf({ name, isRenewed }) {
    if (name === 'ready') return isRenewed ? this.#texts.renewed : '';
    return this.#texts[name] ?? '';
  }

  #build(title, nonce) {
    const shadow = this.host.attachShadow({ mode: 'open' });
    const style = this.#styleSheet('widget.css', nonce);
    this.#hideUntilLoaded(style);
    const content = [this.#buildNotice(), this.#element('div', { class: 'stage' }, this.#element('slot'))];
    if (this.isInline) this.#panel = this.#buildFrame(title, content);
    else this.#panel = this.#buildDialog(title || this.#texts.title, content);
    shadow.append(style, this.#panel);
    if (!this.isInline) shadow.append(this.#buildLauncher());
  }

  #buildFrame(title, content) {
    const heading = title ? [this.#heading(title)] : [];
    const attributes = { class: 'panel', 'aria-label': title || this.#texts.title, tabindex: '-1' };
    return this.#element('section', attributes, ...heading, ...content);
  }

  #buildDialog(title, content) {
    const close = this.#button('close', this.#texts.close, () => this.close(), this.#icon('close'));
    const attributes = { class: 'panel', 'aria-label': title, tabindex: '-1' };
    const dialog = this.#element('dialog', attributes, this.#heading(title, close), ...content);
    dialog.addEventListener('close', () => {
      this.#launcher.setAttribute('aria-expanded', 'false');
      this.#launcher.focus();
      this.on.onClose();
    });
    return dialog;
  }

  #buildLauncher() {
    this.#launcher = this.#button('launcher', this.#texts.open, () => this.open(), this.#icon('chat'));
    this.#launcher.setAttribute('aria-expanded', 'false');
    this.#launcher.setAttribute('aria-haspopup', 'dialog');
    this.#closeOnEscape();
    return this.#launcher;
  }

  // Web Chat's own part is not in the shadow tree and has a sheet of its own.
  #styleSheet(name, nonce) {
    const link = this.#element('link', { rel: 'stylesheet', href: new URL(name, import.meta.url).href });
    if (nonce) link.nonce = nonce;
    return link;
  }

  #hideUntilLoaded(link) {
    const show = () => (this.host.style.visibility = '');
    this.host.style.visibility = 'hidden';
    link.addEventListener('load', show);
    link.addEventListener('error', show);
  }

  #buildNotice() {
    this.#message = this.#element('p', { class: 'message', role: 'status' });
    this.#code = this.#element('code', { class: 'code' });
    this.#retry = this.#button('action', '', () => this.on.onRetry(), this.#texts.retry);
    this.#dismiss = this.#button('action', '', () => this.on.onDismiss(), this.#texts.dismiss);
    const spinner = this.#element('span', { class: 'spinner', 'aria-hidden': 'true' });
    this.#notice = this.#element('div', { class: 'notice quiet' }, spinner, this.#message, this.#code, this.#retry, this.#dismiss);
    return this.#notice;
  }

  // On the window, so that Web Chat, which uses the key too, comes first.
  #closeOnEscape() {
    const onKey = (event) => {
      const isOurs = event.key === 'Escape' && !event.defaultPrevented && event.composedPath().includes(this.host);
      if (isOurs && this.isOpen) this.close();
    };
    this.#window.addEventListener('keydown', onKey, { signal: this.#stopListening.signal });
  }

  #heading(text, ...after) {
    return this.#element('header', { class: 'heading' }, this.#element('h2', {}, text), ...after);
  }

  #button(name, label, onClick, ...content) {
    const button = this.#element('button', { class: name, type: 'button', ...(label && { 'aria-label': label, title: label }) }, ...content);
    button.addEventListener('click', onClick);
    return button;
  }

  #icon(name) {
    const { document } = this.#window;
    const make = (tag) => document.createElementNS('http://www.w3.org/2000/svg', tag);
    const svg = make('svg');
    svg.setAttribute('viewBox', '0 0 24 24');
    svg.setAttribute('aria-hidden', 'true');
    const path = make('path');
    path.setAttribute('d', ICON[name]);
    svg.append(path);
    return svg;
  }

  #element(tag, attributes = {}, ...children) {
    const element = this.#window.document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  }
}
