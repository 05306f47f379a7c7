import { pause } from './clock.js';
import { listActivities, openConversation } from './directline.js';
import { holdIfFree } from './locks.js';
import { Problem } from './problem.js';
import { pollingSocket, setSocketClass, watchedSocket } from './stream.js';

const STREAM_PATIENCE_MS = 15_000;

// Some networks let no WebSocket through, or none that lives: after this many
// streams in a row that did not last, the page polls, until that has lasted.
const SOCKET_ATTEMPTS = 2;
const LASTING_MS = 10_000;

/**
 * Opens the conversation of the moment and makes the directlinejs object for it.
 */
export class Connector {
  #tokens;
  #createDirectLine;
  #prepare;
  #locale;
  #fetch;
  #clock;
  #window;
  #refused;
  #vainStreams = 0;
  #releaseStream = () => {};
  #generation = 0;

  /**
   * @param {object} options
   * @param {import('./tokens.js').Tokens} options.tokens
   * @param {(options: object) => object} options.createDirectLine Web Chat's
   * @param {() => Promise<unknown>} options.prepare what must be there before a
   *   conversation is opened
   * @param {string} [options.locale]
   * @param {typeof globalThis.fetch} options.fetch
   * @param {import('./clock.js').Clock} options.clock
   * @param {Window} options.window
   */
  constructor({ tokens, createDirectLine, prepare, locale, fetch, clock, window }) {
    this.#tokens = tokens;
    this.#createDirectLine = createDirectLine;
    this.#prepare = prepare;
    this.#locale = locale;
    this.#fetch = fetch;
    this.#clock = clock;
    this.#window = window;
  }

  /** Remembers that Direct Line refused the token in use. */
  refuse() {
    this.#refused = this.#tokens.grant?.token;
  }

  /** Gives up the stream, so that another tab may have it. */
  leave() {
    this.#generation += 1;
    this.#releaseStream();
    this.#releaseStream = () => {};
  }

  /**
   * Opens the conversation, or a new one where that is gone. A token may be
   * refused although by its age it should be good: it is renewed once before
   * its conversation is given up.
   *
   * @param {{ conversationId?: string, watermark?: string }} seen where this page left off
   * @returns {Promise<import('./storage.js').Grant & import('./directline.js').Opened>}
   */
  async open(seen) {
    const grant = await this.#tokens.fresh({ refused: this.#refused });
    try {
      return await this.#enter(grant, seen);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      if (error.code === 'conversation_gone') this.#tokens.discard(grant.conversationId);
    }
    return this.#openAnew(await this.#tokens.fresh({ refused: grant.token }), seen);
  }

  /**
   * The directlinejs object for an opened conversation.
   *
   * @param {Awaited<ReturnType<Connector['open']>>} opened
   * @param {() => void} onClosed its stream broke after it had opened
   * @returns {Promise<{ connection: object, streaming: Promise<void> }>}
   *   streaming: settled when the stream is open, or was refused
   */
  async connect({ conversationId, token, domain, streamUrl, referenceGrammarId, watermark }, onClosed) {
    const connection = this.#createDirectLine({ conversationId, token, domain, streamUrl, watermark });
    connection.referenceGrammarId ??= referenceGrammarId;
    const { report, streaming } = this.#watchStream(onClosed);
    const Socket = await this.#socketClass(conversationId, watermark, report);
    const isWatched = setSocketClass(connection, Socket);
    return { connection, streaming: isWatched ? streaming : Promise.resolve() };
  }

  async #openAnew(grant, seen) {
    try {
      return await this.#enter(grant, seen);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      this.#tokens.discard(grant.conversationId);
    }
    return this.#enter(await this.#tokens.fresh(), seen);
  }

  async #enter(grant, seen) {
    await this.#prepare();
    const watermark = grant.conversationId === seen.conversationId ? seen.watermark : undefined;
    const { change, ...opened } = await openConversation({
      grant,
      watermark,
      locale: this.#locale,
      fetch: this.#fetch,
      clock: this.#clock
    });
    this.#tokens.update(grant.conversationId, change);
    this.#refused = undefined;
    return { ...grant, ...change, ...opened };
  }

  async #socketClass(conversationId, watermark, report) {
    const { document, navigator } = this.#window;
    const release = await holdIfFree(navigator.locks, `chatgate:stream:${conversationId}`);
    this.#releaseStream = release ?? (() => {});
    if (release && this.#vainStreams < SOCKET_ATTEMPTS) return watchedSocket(this.#window.WebSocket, report);
    return pollingSocket({
      list: (after) => listActivities({ grant: this.#tokens.grant, watermark: after, fetch: this.#fetch, clock: this.#clock }),
      watermark,
      isHidden: () => document.visibilityState === 'hidden',
      clock: this.#clock,
      report
    });
  }

  // A stream of an earlier connection may close late: that is no news of this one.
  #watchStream(onClosed) {
    const generation = this.#generation;
    const isCurrent = () => generation === this.#generation;
    const limit = pause(this.#clock, STREAM_PATIENCE_MS);
    let [isOpen, isClosed, openedAt] = [false, false, 0];
    const onOpen = () => {
      isOpen = true;
      openedAt = this.#clock.now();
      limit.end();
    };
    const onClose = () => {
      const lasted = isOpen ? this.#clock.now() - openedAt : 0;
      const wasOpen = isOpen;
      [isOpen, isClosed] = [false, true];
      limit.end();
      if (!isCurrent()) return;
      this.#countStream(lasted);
      if (wasOpen) onClosed();
    };
    const streaming = limit.over.then(() => {
      if (isOpen || !isCurrent()) return;
      if (!isClosed) this.#countStream(0);
      throw new Problem('stream_closed');
    });
    return { report: { onOpen, onClose }, streaming };
  }

  #countStream(lasted) {
    this.#vainStreams = lasted > LASTING_MS ? 0 : this.#vainStreams + 1;
  }
}

function isRefusal(error) {
  return error instanceof Problem && (error.tokenRefused || error.code === 'conversation_gone');
}
