import { createApi } from './api.js';
import { pause, systemClock } from './clock.js';
import { Connector } from './connector.js';
import { Line } from './line.js';
import { Problem } from './problem.js';
import { retryDelay } from './schedule.js';
import { createStorage, openArea } from './storage.js';
import { Tokens } from './tokens.js';
import { watchWake } from './wake.js';

/**
 * What a visitor can be told about a session.
 *
 * - `starting`: not connected yet
 * - `ready`: connected
 * - `reconnecting`: was connected, will be again in a moment
 * - `offline`: the browser has no network
 * - `away`: the service does not answer; tried again by itself, and by retry()
 * - `refused`: this page may not chat; only retry() tries again
 * - `stopped`: over
 *
 * @typedef {object} State
 * @property {'starting'|'ready'|'reconnecting'|'offline'|'away'|'refused'|'stopped'} name
 * @property {string} [code] the problem's code
 * @property {boolean} isRenewed the conversation is new because the earlier one is gone
 * @property {string} [userId]
 * @property {string} [conversationId]
 * @property {number} [expiresAt] when the token expires, by this browser's clock
 */

// A stream that closes and is open again at once is not worth a word.
const GRACE_MS = 1_500;

// A connection that held this long did not fail: the next one may be tried soon.
const STABLE_MS = 10_000;

// A pause between two looks at the token, whatever its times.
const SHORTEST_WAIT_MS = 500;

// What a browser's timer takes; more would mean at once.
const LONGEST_WAIT_MS = 2 ** 31 - 1;

// Failures of a chat that was connected before it is called away.
const PATIENCE = 3;

/**
 * One visitor's chat with one assistant: obtains and renews tokens, opens the
 * conversation, and opens it again whenever the connection is lost. Each change
 * of its state is an event `change`.
 */
export class Session extends EventTarget {
  #clock;
  #window;
  #tokens;
  #line;
  #connector;
  #state = { name: 'starting', isRenewed: false };
  #conversationId;
  #failures = 0;
  #notBefore = 0;
  #openSince = 0;
  #isRunning = false;
  #pause;
  #renewal;
  #stopWatching = () => {};

  /**
   * @param {object} options
   * @param {string} options.api URL of the API, such as https://app.example/api
   * @param {string} [options.assistant] may be left out where the server has one
   * @param {(options: object) => object} options.createDirectLine Web Chat's
   * @param {() => Promise<unknown>} [options.prepare] what must be there before a
   *   conversation is opened; awaited again after it failed
   * @param {string} [options.locale]
   * @param {Window} [options.window]
   * @param {typeof globalThis.fetch} [options.fetch]
   * @param {import('./clock.js').Clock} [options.clock]
   */
  constructor({ api, assistant, createDirectLine, prepare = async () => {}, locale, window = globalThis.window, fetch, clock = systemClock }) {
    super();
    const base = api.replace(/\/+$/, '');
    const name = `${base}|${assistant ?? ''}`;
    const request = fetch ?? ((...args) => window.fetch(...args));
    this.#clock = clock;
    this.#window = window;
    this.#line = new Line({ clock, onLost: (how) => this.#onLost(how) });
    this.#tokens = new Tokens({
      api: createApi({ base, assistant, fetch: request, clock }),
      storage: createStorage({ area: openArea(window), name, events: window }),
      locks: window.navigator.locks,
      clock,
      name,
      onGrant: (grant) => this.#onGrant(grant)
    });
    this.#connector = new Connector({ tokens: this.#tokens, createDirectLine, prepare, locale, fetch: request, clock, window });
    const { started, conversationId } = this.#tokens.grant ?? {};
    if (started) this.#conversationId = conversationId;
  }

  /** For Web Chat's `directLine`: the same object for the life of the session. */
  get directLine() {
    return this.#line.directLine;
  }

  /** @returns {State} */
  get state() {
    const { userId, conversationId, expiresAt } = this.#tokens.grant ?? {};
    return { ...this.#state, userId, conversationId, expiresAt };
  }

  /**
   * Connects. Resolves when the chat can be used; until then the state says
   * what is in the way, and the session goes on trying.
   */
  start() {
    this.#stopWatching();
    const stopWake = watchWake({ window: this.#window, clock: this.#clock, onWake: (how) => this.#onWake(how) });
    const onOffline = () => this.#state.name === 'ready' && this.#show({ name: 'offline' });
    this.#window.addEventListener('offline', onOffline);
    this.#stopWatching = () => {
      stopWake();
      this.#window.removeEventListener('offline', onOffline);
    };
    return this.#run();
  }

  /** Tries again now. */
  retry() {
    if (this.#pause) this.#pause.end();
    else if (this.#state.name !== 'ready') this.#again(0);
  }

  /** Takes notice that the visitor has read that the conversation is new. */
  dismissRenewal() {
    this.#show({ isRenewed: false });
  }

  /** Ends the session on this page. What is stored stays: a later page resumes. */
  stop() {
    this.#show({ name: 'stopped' });
    this.#stopWatching();
    this.#tokens.stop();
    this.#clock.clearTimeout(this.#renewal);
    this.#pause?.end();
    this.#leave();
  }

  get #isStopped() {
    return this.#state.name === 'stopped';
  }

  async #run() {
    if (this.#isRunning) return;
    this.#isRunning = true;
    while (!this.#isStopped && !(await this.#attempt()));
    this.#isRunning = false;
  }

  async #attempt() {
    try {
      await this.#open();
      return true;
    } catch (error) {
      await this.#onFailure(Problem.from(error));
      return false;
    }
  }

  async #open() {
    this.#leave();
    const opened = await this.#connector.open({ conversationId: this.#conversationId, watermark: this.#line.watermark });
    const { connection, streaming } = await this.#connector.connect(opened, () => this.#again());
    if (this.#isStopped) return this.#connector.leave();
    if (opened.conversationId !== this.#conversationId) this.#move(opened.conversationId);
    this.#line.deliver(opened.activities);
    this.#line.attach(connection, this.#tokens.grant);
    await streaming;
    if (!this.#line.isAttached) throw new Problem('network');
    this.#openSince = this.#clock.now();
    this.#show({ name: 'ready', code: undefined });
    this.#scheduleRenewal();
  }

  // The look every 15 s (wake.js) would do for tokens that live for long.
  #scheduleRenewal() {
    if (this.#isStopped) return;
    const wait = this.#tokens.dueAt - this.#clock.now();
    this.#clock.clearTimeout(this.#renewal);
    this.#renewal = this.#clock.setTimeout(
      () => this.#onWake({ slept: false, prompted: false }),
      Math.min(LONGEST_WAIT_MS, Math.max(SHORTEST_WAIT_MS, wait))
    );
  }

  // The page now shows another conversation than before.
  #move(conversationId) {
    const isFirst = !this.#conversationId;
    this.#conversationId = conversationId;
    this.#line.clear();
    if (!isFirst) this.#show({ isRenewed: true });
  }

  // In this order: the end of a connection that was left is nobody's news.
  #leave() {
    this.#connector.leave();
    this.#line.detach();
  }

  async #onFailure(problem) {
    if (this.#isStopped) return;
    this.#failures += 1;
    this.#notBefore = this.#clock.now() + problem.retryAfter;
    this.#show({ name: this.#nameOf(problem), code: problem.code });
    const delay = problem.mayPass ? retryDelay(this.#failures, this.#clock.random(), problem.retryAfter) : Infinity;
    await this.#wait(delay);
  }

  #nameOf(problem) {
    if (!problem.mayPass) return 'refused';
    if (problem.code === 'network' && this.#window.navigator.onLine === false) return 'offline';
    const isBrief = this.#failures < PATIENCE && (this.#openSince || problem.code === 'stream_closed');
    if (!isBrief) return 'away';
    return this.#openSince ? 'reconnecting' : 'starting';
  }

  async #wait(delay) {
    this.#pause = pause(this.#clock, delay);
    await this.#pause.over;
    this.#pause = undefined;
  }

  // directlinejs has given the connection up.
  #onLost({ refused }) {
    if (refused) this.#connector.refuse();
    this.#again(refused ? 0 : undefined);
  }

  async #again(delay) {
    if (this.#isRunning || this.#isStopped) return;
    this.#isRunning = true;
    this.#leave();
    const wasStable = this.#clock.now() - this.#openSince > STABLE_MS;
    this.#failures = wasStable ? 0 : this.#failures + 1;
    const grace = pause(this.#clock, GRACE_MS);
    grace.over.then(() => this.#state.name === 'ready' && this.#isRunning && this.#show({ name: 'reconnecting' }));
    await this.#wait(delay ?? retryDelay(this.#failures + 1, this.#clock.random()));
    this.#isRunning = false;
    await this.#run();
    grace.end();
  }

  #onGrant(grant) {
    this.#announce();
    if (grant.conversationId === this.#conversationId) {
      this.#line.renew(grant);
      this.#scheduleRenewal();
    } else if (this.#openSince) {
      this.#again(0);
    }
  }

  #onWake({ slept, prompted }) {
    if (this.#isStopped) return;
    if (this.#pause) {
      const mayTry = prompted && this.#clock.now() >= this.#notBefore && this.#state.name !== 'refused';
      return mayTry && this.#pause.end();
    }
    if (this.#isRunning) return;
    const hasMoved = this.#tokens.grant?.conversationId !== this.#conversationId;
    if (slept || hasMoved || this.#tokens.isExpired) return this.#again(0);
    if (!this.#tokens.isDue) return;
    // A renewal that fails is tried again; the expiry is noticed above.
    this.#tokens.fresh().catch(() => {}).finally(() => this.#scheduleRenewal());
  }

  #show(change) {
    if (this.#isStopped) return;
    this.#state = { ...this.#state, ...change };
    this.#announce();
  }

  #announce() {
    this.dispatchEvent(new Event('change'));
  }
}
