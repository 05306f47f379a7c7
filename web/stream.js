/**
 * How activities reach this tab.
 *
 * Direct Line allows one WebSocket a conversation: a second one closes the
 * first. So of several tabs with the same conversation one has the WebSocket
 * and the others ask for new activities now and then. Both are given to
 * directlinejs as its WebSocket class, which also tells this side when the
 * stream breaks; directlinejs alone would wait 3 to 15 seconds in silence.
 */

const POLL_MS = 2_000;
const POLL_HIDDEN_MS = 20_000;

/**
 * A WebSocket class that reports its opening and closing.
 *
 * @param {typeof globalThis.WebSocket} NativeSocket
 * @param {{ onOpen: () => void, onClose: () => void }} report
 */
export function watchedSocket(NativeSocket, { onOpen, onClose }) {
  return function WatchedSocket(url) {
    const socket = new NativeSocket(url);
    socket.addEventListener('open', onOpen);
    socket.addEventListener('close', onClose);
    // directlinejs goes on pinging until it hears of the close, which after a
    // sleep is an error in the console each time.
    socket.send = (data) => socket.readyState === NativeSocket.OPEN && NativeSocket.prototype.send.call(socket, data);
    return socket;
  };
}

/**
 * A class with the part of WebSocket that directlinejs uses, which polls.
 *
 * @param {object} options
 * @param {(watermark: string | undefined) => Promise<{ activities: object[], watermark?: string }>} options.list
 * @param {string} [options.watermark] where to begin
 * @param {() => boolean} options.isHidden
 * @param {import('./clock.js').Clock} options.clock
 * @param {{ onOpen: () => void, onClose: () => void }} options.report
 */
export function pollingSocket({ list, watermark, isHidden, clock, report }) {
  return class PollingSocket {
    readyState = 0;
    #timer = clock.setTimeout(() => this.#poll(), 0);
    #watermark = watermark;

    // directlinejs sends an empty text to see whether the connection lives.
    send() {}

    close() {
      clock.clearTimeout(this.#timer);
      this.readyState = 3;
    }

    async #poll() {
      try {
        this.#deliver(await list(this.#watermark));
        if (this.readyState === 3) return;
        this.#timer = clock.setTimeout(() => this.#poll(), isHidden() ? POLL_HIDDEN_MS : POLL_MS);
      } catch {
        this.#break();
      }
    }

    #deliver(set) {
      if (this.readyState === 3) return;
      if (this.readyState === 0) this.#open();
      this.#watermark = set.watermark ?? this.#watermark;
      if (set.activities?.length) this.onmessage?.({ data: JSON.stringify(set) });
    }

    #open() {
      this.readyState = 1;
      this.onopen?.({});
      report.onOpen();
    }

    #break() {
      if (this.readyState === 3) return;
      this.readyState = 3;
      this.onclose?.({});
      report.onClose();
    }
  };
}

/**
 * Gives directlinejs the class it opens its stream with. Web Chat's
 * createDirectLine (4.18) does not pass such an option on, so it is set on the
 * object.
 *
 * @returns {boolean} false where a later version hides the field: then each tab
 *   opens a WebSocket of its own and directlinejs alone looks after it
 */
export function setSocketClass(directLine, Socket) {
  if (!directLine.services?.WebSocket) return false;
  directLine.services.WebSocket = Socket;
  return true;
}
