import { Subject, firstValue, fromPromise } from './observable.js';

// Shorter than Web Chat's own limit (20 s), after which it offers to send
// again: a message given up there must not be sent here.
const SEND_PATIENCE_MS = 15_000;

// ConnectionStatus of directlinejs; what is above ONLINE is an end.
const CONNECTING = 1;
const ONLINE = 2;
const EXPIRED_TOKEN = 3;

// What directlinejs answers where a send failed in a way that may pass.
const RETRY = 'retry';

/**
 * What Web Chat holds in its hands: one Direct Line object (Web Chat calls it a
 * chat adapter) for the life of the page. Behind it directlinejs objects come
 * and go as tokens, networks and conversations do, so that Web Chat never sees
 * a connection end, and a message typed in between is sent when the next one
 * is there.
 */
export class Line {
  #clock;
  #onLost;
  #status = new Subject([CONNECTING]);
  #activities = new Subject();
  #current;
  #token;
  #watermark;
  #known = new Set();
  #waiting = new Set();
  #refusing = new WeakSet();

  /**
   * @param {object} options
   * @param {import('./clock.js').Clock} options.clock
   * @param {(reason: { refused: boolean }) => void} options.onLost the
   *   connection is of no more use; refused: because of its token
   */
  constructor({ clock, onLost }) {
    this.#clock = clock;
    this.#onLost = onLost;
    this.directLine = this.#adapter();
  }

  get isAttached() {
    return this.#current !== undefined;
  }

  /** The last watermark seen, where directlinejs lets it be known. */
  get watermark() {
    return this.#current?.connection.watermark || this.#watermark;
  }

  /**
   * Puts a new directlinejs object in place of the one before.
   *
   * @param {object} connection
   * @param {import('./storage.js').Grant} grant
   */
  attach(connection, grant) {
    this.detach();
    const subscriptions = [];
    this.#current = { connection, subscriptions };
    // Another tab may have been quicker than the making of this connection.
    this.renew(grant);
    const lost = () => this.#lose(connection);
    subscriptions.push(
      connection.connectionStatus$.subscribe((status) => this.#onStatus(connection, status)),
      connection.activity$.subscribe({ next: (activity) => this.#receive(activity), error: lost, complete: lost })
    );
    if (this.#current?.connection !== connection) return subscriptions.forEach((subscription) => subscription.unsubscribe());
    this.#status.replace([ONLINE]);
    this.#waiting.forEach((proceed) => proceed());
  }

  /** Ends the connection, if there is one. Web Chat is told nothing. */
  detach() {
    const { connection, subscriptions } = this.#current ?? {};
    this.#watermark = this.watermark;
    this.#current = undefined;
    subscriptions?.forEach((subscription) => subscription.unsubscribe());
    connection?.end();
  }

  /** Hands a newer token to the connection in use. */
  renew({ conversationId, token }) {
    this.#token = token;
    const { connection } = this.#current ?? {};
    connection?.reconnect({ conversationId, token, streamUrl: connection.streamUrl });
  }

  /** Tells Web Chat of activities that came by another way than the connection. */
  deliver(activities) {
    activities.forEach((activity) => this.#receive(activity));
  }

  /** Forgets the activities of a conversation that is gone. */
  clear() {
    this.#watermark = undefined;
    this.#known.clear();
    this.#activities.replace([]);
  }

  #adapter() {
    const line = this;
    return {
      connectionStatus$: this.#status,
      activity$: this.#activities,
      postActivity: (activity) => fromPromise(() => this.#post(activity)),
      getSessionId: () => fromPromise(async () => firstValue((await this.#connected()).getSessionId())),
      // Web Chat reads the user id from the token, once.
      get token() {
        return line.#token;
      },
      get referenceGrammarId() {
        return line.#current?.connection.referenceGrammarId;
      },
      // Web Chat ends what it was given when it is removed from the page.
      end: () => this.detach()
    };
  }

  #onStatus(connection, status) {
    if (status === EXPIRED_TOKEN) this.#refusing.add(connection);
    if (status > ONLINE) this.#lose(connection);
  }

  #lose(connection) {
    if (this.#current?.connection !== connection) return;
    this.detach();
    this.#onLost({ refused: this.#refusing.has(connection) });
  }

  // What was seen before the connection broke may come again after it. A typing
  // indicator is news for a moment only: not kept for latecomers.
  #receive(activity) {
    if (this.#known.has(activity.id)) return;
    if (activity.id) this.#known.add(activity.id);
    this.#activities.next(activity, { keep: activity.type !== 'typing' });
  }

  async #post(activity) {
    const connection = await this.#connected();
    const id = await firstValue(connection.postActivity(activity)).catch((error) => {
      this.#onPostError(connection, error);
      throw error;
    });
    // Only a refused token is a sure sign that nothing was delivered.
    const again = id === RETRY && this.#refusing.has(connection);
    return again ? firstValue((await this.#connected()).postActivity(activity)) : id;
  }

  #onPostError(connection, { status } = {}) {
    if (status === 401) this.#refusing.add(connection);
    if (status === 401 || status === 404) this.#lose(connection);
  }

  #connected() {
    if (this.#current) return Promise.resolve(this.#current.connection);
    return new Promise((resolve, reject) => {
      const finish = (settle) => {
        this.#clock.clearTimeout(timer);
        this.#waiting.delete(proceed);
        settle();
      };
      const proceed = () => finish(() => resolve(this.#current.connection));
      const timer = this.#clock.setTimeout(() => finish(() => reject(new Error('not connected'))), SEND_PATIENCE_MS);
      this.#waiting.add(proceed);
    });
  }
}
