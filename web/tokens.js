import { takeTurn } from './locks.js';
import { Problem } from './problem.js';
import { renewalTime, retryDelay } from './schedule.js';

/**
 * Keeps the grant (token and conversation) of one chat fresh, for this tab and
 * for all others of the site: they take turns, and whoever's turn comes looks
 * first whether another has done the work already.
 */
export class Tokens {
  #api;
  #storage;
  #locks;
  #clock;
  #turn;
  #chance;
  #failures = 0;
  #notBefore = 0;
  #running;
  #stop;

  /** @type {import('./storage.js').Grant | undefined} the newest known here */
  grant;

  /**
   * @param {object} options
   * @param {ReturnType<typeof import('./api.js').createApi>} options.api
   * @param {ReturnType<typeof import('./storage.js').createStorage>} options.storage
   * @param {import('./clock.js').Clock} options.clock
   * @param {LockManager} [options.locks]
   * @param {string} options.name tells apart several chats on one site
   * @param {(grant: import('./storage.js').Grant) => void} [options.onGrant]
   *   called with each newer grant, whichever tab obtained it
   */
  constructor({ api, storage, clock, locks, name, onGrant = () => {} }) {
    this.#api = api;
    this.#storage = storage;
    this.#clock = clock;
    this.#locks = locks;
    this.#turn = `chatgate:${name}:token`;
    this.#chance = clock.random();
    this.onGrant = onGrant;
    this.grant = storage.readGrant();
    this.#stop = storage.onGrant((grant) => this.#take(grant));
  }

  /** No longer listens to other tabs. */
  stop() {
    this.#stop();
  }

  /** Whether the token is past its life, by the wall clock. */
  get isExpired() {
    return !this.grant || this.#clock.now() >= this.grant.expiresAt;
  }

  /** Whether it is time to renew the token. */
  get isDue() {
    const now = this.#clock.now();
    if (this.isExpired) return true;
    if (this.grant.last || now < this.#notBefore) return false;
    // A clock that was set back says nothing about the token's age.
    return now < this.grant.issuedAt || now >= renewalTime(this.grant, this.#chance);
  }

  /** When to look again: at the next renewal, or at the end where none is left to try. */
  get dueAt() {
    const { expiresAt, last } = this.grant ?? {};
    if (!this.grant || last) return expiresAt ?? this.#clock.now();
    return Math.min(expiresAt, Math.max(this.#notBefore, renewalTime(this.grant, this.#chance)));
  }

  /**
   * A grant that can be used: the one at hand, renewed if that is due, or a
   * new one for the same visitor. A renewal that fails is no failure here as
   * long as the token at hand lives; it is tried again later.
   *
   * @param {object} [options]
   * @param {string} [options.refused] a token that Direct Line did not accept
   * @returns {Promise<import('./storage.js').Grant>}
   */
  fresh({ refused } = {}) {
    this.#running ??= takeTurn(this.#locks, this.#turn, () => this.#freshen(refused)).finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  /** Forgets a conversation that is gone, unless another tab has moved on already. */
  discard(conversationId) {
    if (this.grant?.conversationId === conversationId) this.grant = undefined;
    if (this.#storage.readGrant()?.conversationId === conversationId) this.#storage.removeGrant();
  }

  /** Takes what Direct Line says about its conversation, a newer token included. */
  update(conversationId, change) {
    if (this.grant?.conversationId === conversationId) this.#keep({ ...this.grant, ...change });
  }

  async #freshen(refused) {
    // While it is this tab's turn nobody writes: what is stored is the latest.
    this.#take(this.#storage.readGrant(), { evenIfAsOld: true });
    if (this.isExpired) return this.#issue();
    const isRefused = this.grant.token === refused;
    if (isRefused || this.isDue) return this.#renew(isRefused);
    return this.grant;
  }

  async #issue() {
    const answer = await this.#api.issue(this.#storage.readVisitor());
    if (!answer.conversationId) throw new Problem('bad_answer', { status: 200 });
    return this.#keep(answer);
  }

  async #renew(isRefused) {
    const old = this.grant;
    try {
      const { token, issuedAt, expiresAt, domain, visitor } = await this.#api.refresh(old.token);
      return this.#keep({ ...old, token, issuedAt, expiresAt, domain, visitor, last: false });
    } catch (error) {
      return this.#afterRefusal(Problem.from(error), isRefused);
    }
  }

  #afterRefusal(problem, isRefused) {
    const isDead = problem.tokenRefused && (isRefused || problem.code === 'token_expired');
    if (isDead) return this.#issue();
    if (isRefused || this.isExpired) throw problem;
    this.#putOff(problem);
    // Refused renewal, yet perhaps still good for Direct Line: used to its end.
    return problem.tokenRefused ? this.#keep({ ...this.grant, last: true }) : this.grant;
  }

  #putOff(problem) {
    this.#failures += 1;
    this.#notBefore = this.#clock.now() + retryDelay(this.#failures, this.#clock.random(), problem.retryAfter);
  }

  #keep({ visitor, ...grant }) {
    // An answer without a visitor token leaves the old one in force.
    if (visitor) this.#storage.writeVisitor(visitor);
    this.#failures = 0;
    this.#notBefore = 0;
    this.grant = grant;
    this.#storage.writeGrant(grant);
    this.onGrant(grant);
    return grant;
  }

  // The newest wins in every tab, so that all end up in the same conversation.
  #take(grant, { evenIfAsOld = false } = {}) {
    if (!grant || grant.token === this.grant?.token) return;
    const age = this.grant ? grant.issuedAt - this.grant.issuedAt : 1;
    if (age < 0 || (age === 0 && !evenIfAsOld)) return;
    this.grant = grant;
    this.onGrant(grant);
  }
}
