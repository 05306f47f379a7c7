import { Problem } from './problem.js';

/**
 * @typedef {object} Bundle
 * @property {string} url
 * @property {string} [integrity] what the file must hash to
 */

/** @type {Map<string, Promise<object>>} by URL: two chats on a page share the bundle */
const loading = new Map();

/** @type {Map<string, number>} by URL */
const failures = new Map();

/**
 * Web Chat itself: the page's own if it has brought one, else the bundle.
 *
 * @param {object} options
 * @param {Partial<Bundle>} options.bundle without a URL: the pinned one
 * @param {string} [options.nonce] for pages with a nonce in their content security policy
 * @param {Window} options.window
 * @returns {Promise<{ createDirectLine: Function, renderWebChat: Function }>}
 */
export async function loadWebChat({ bundle, nonce, window }) {
  if (window.WebChat?.createDirectLine) return window.WebChat;
  const { url, integrity } = bundle.url ? bundle : await pinnedBundle(window);
  if (!loading.has(url)) {
    const script = addScript({ address: freshAddress(url), integrity, nonce, window });
    loading.set(url, script);
    script.catch(() => {
      loading.delete(url);
      failures.set(url, (failures.get(url) ?? 0) + 1);
    });
  }
  return loading.get(url);
}

/**
 * The version this widget is made for. Its hash is npm's own file's, so only
 * addresses that serve that file unchanged will do.
 *
 * @returns {Promise<Bundle>}
 */
async function pinnedBundle(window) {
  try {
    const response = await window.fetch(new URL('webchat.json', import.meta.url));
    return await response.json();
  } catch (cause) {
    throw new Problem('webchat_unavailable', { cause });
  }
}

// A file that came damaged stays in the browser's cache, under its address.
function freshAddress(url) {
  const address = new URL(url);
  if (failures.has(url)) address.searchParams.set('attempt', failures.get(url));
  return address.href;
}

function addScript({ address, integrity, nonce, window }) {
  const { document } = window;
  return new Promise((resolve, reject) => {
    const script = document.createElement('script');
    const fail = () => {
      script.remove();
      reject(new Problem('webchat_unavailable'));
    };
    script.onload = () => (window.WebChat ? resolve(window.WebChat) : fail());
    script.onerror = fail;
    if (nonce) script.nonce = nonce;
    if (integrity) {
      script.integrity = integrity;
      // A hash can be checked only where the other site lets the content be read.
      script.crossOrigin = 'anonymous';
    }
    script.src = address;
    document.head.append(script);
  });
}
