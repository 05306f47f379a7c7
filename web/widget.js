/**
 * Chatgate's one tag:
 *
 *     <script src="https://app.example/api/site/widget.js" data-assistant="bankx" async></script>
 *
 * data-assistant          which assistant; may be left out where there is one
 * data-target             selector of the element to chat in; without it a launcher is shown
 * data-open               opens the launcher's panel at once, phones excepted
 * data-title              heading of the chat
 * data-locale             language tag; otherwise the page's or the browser's
 * data-webchat            URL of Web Chat's bundle in place of the pinned one
 * data-webchat-integrity  what that file must hash to
 *
 * A classic script, so that the plain tag works; the rest are modules beside it.
 */
(() => {
  const script = document.currentScript;
  const { assistant, target: selector, open, title, locale, webchat, webchatIntegrity } = script.dataset;

  const mount = ({ mountChat }) => {
    const target = selector ? document.querySelector(selector) : undefined;
    if (target === null) throw new Error(`nothing on the page matches data-target="${selector}"`);
    mountChat({
      assistant,
      target,
      open: open !== undefined,
      title,
      locale,
      nonce: script.nonce,
      webChat: webchat ? { url: new URL(webchat, document.baseURI).href, integrity: webchatIntegrity } : {}
    });
  };

  // The tag may stand before the element it names.
  const parsed = new Promise((resolve) => {
    if (document.readyState === 'loading') document.addEventListener('DOMContentLoaded', resolve, { once: true });
    else resolve();
  });

  Promise.all([import(new URL('chatgate.js', script.src).href), parsed])
    .then(([chatgate]) => mount(chatgate))
    .catch((error) => console.error('Chatgate could not be started:', error));
})();
