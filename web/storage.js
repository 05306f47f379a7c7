/**
 * What outlives a page: the visitor token and the conversation's grant, under
 * the embedding site's own origin. Other tabs see the same.
 *
 * The Direct Line token is kept because a reload could not resume the
 * conversation without it. Whoever can read this storage runs script in the
 * page already and could use the chat anyway; the token opens this one
 * conversation only and dies within the hour.
 *
 * @typedef {object} Grant
 * @property {string} token Direct Line token
 * @property {string} conversationId
 * @property {string} [userId]
 * @property {string} domain Direct Line's address, /v3/directline included
 * @property {number} issuedAt when it was asked for, by this browser's clock
 * @property {number} expiresAt by this browser's clock
 * @property {boolean} [started] the conversation is known to Direct Line
 * @property {boolean} [last] the token works but was refused a renewal
 */

/**
 * @param {object} options
 * @param {Storage} options.area
 * @param {string} options.name tells apart several chats on one site
 * @param {EventTarget} [options.events] where `storage` events arrive
 */
export function createStorage({ area, name, events }) {
  const visitorKey = `chatgate:${name}:visitor`;
  const grantKey = `chatgate:${name}:grant`;

  return {
    readVisitor: () => area.getItem(visitorKey) ?? undefined,
    writeVisitor: (visitor) => write(area, visitorKey, visitor),
    readGrant: () => parseGrant(area.getItem(grantKey)),
    writeGrant: (grant) => write(area, grantKey, JSON.stringify(grant)),
    removeGrant: () => area.removeItem(grantKey),

    /**
     * Calls back when another tab has written a grant.
     *
     * @param {(grant: Grant) => void} callback
     * @returns {() => void} stops it
     */
    onGrant(callback) {
      const listener = (event) => {
        const grant = event.key === grantKey ? parseGrant(event.newValue) : undefined;
        if (grant) callback(grant);
      };
      events?.addEventListener('storage', listener);
      return () => events?.removeEventListener('storage', listener);
    }
  };
}

/**
 * The browser's local storage, or memory where the browser blocks it (private
 * windows, sandboxed frames, cookies turned off): touching it may throw.
 *
 * @param {Window} window
 * @returns {Storage}
 */
export function openArea(window) {
  try {
    const area = window.localStorage;
    const probe = 'chatgate:probe';
    area.setItem(probe, probe);
    area.removeItem(probe);
    return area;
  } catch {
    return memoryArea();
  }
}

/** Storage that lasts as long as the page. */
export function memoryArea() {
  const items = new Map();
  return {
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, value) => items.set(key, value),
    removeItem: (key) => items.delete(key)
  };
}

// A full storage must not stop the chat: this page has the value in memory.
function write(area, key, value) {
  try {
    area.setItem(key, value);
  } catch {
    area.removeItem(key);
  }
}

function parseGrant(text) {
  try {
    const grant = JSON.parse(text ?? 'null');
    return isGrant(grant) ? grant : undefined;
  } catch {
    return undefined;
  }
}

function isGrant(value) {
  const texts = [value?.token, value?.conversationId, value?.domain];
  const times = [value?.issuedAt, value?.expiresAt];
  return texts.every((text) => typeof text === 'string' && text !== '') && times.every(Number.isFinite);
}
