/**
 * The sample page: embeds the chat as any page would, by the one tag, and shows
 * what the tag tells its page.
 */

const widget = new URL('../widget.js', import.meta.url).href;
const assistant = new URLSearchParams(location.search).get('assistant') ?? '';
const byId = (id) => document.getElementById(id);

/** The tag itself, with what only this page needs of it. */
function embed() {
  const script = document.createElement('script');
  const { webchat, webchatIntegrity } = document.body.dataset;
  Object.assign(script.dataset, { target: '#chat', webchat, webchatIntegrity });
  if (assistant) script.dataset.assistant = assistant;
  script.src = widget;
  script.async = true;
  document.body.append(script);
}

function showSnippet() {
  const attribute = assistant ? ` data-assistant="${assistant.replace(/[^\w-]/g, '')}"` : '';
  byId('snippet').textContent = `<script src="${widget}"${attribute} async></script>`;
  byId('copy').addEventListener('click', copySnippet);
}

async function copySnippet() {
  try {
    await navigator.clipboard.writeText(byId('snippet').textContent);
    byId('copied').textContent = 'Copied. Without data-target it shows a launcher in the corner.';
  } catch {
    getSelection().selectAllChildren(byId('snippet'));
    byId('copied').textContent = 'Selected: copy it with the keyboard.';
  }
}

const shorten = (id) => (id.length > 16 ? `${id.slice(0, 10)}…${id.slice(-4)}` : id);

function remaining(expiresAt) {
  const seconds = Math.max(0, Math.round((expiresAt - Date.now()) / 1_000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}

let session = {};

function showSession() {
  const { name = 'starting', code, userId, conversationId, expiresAt } = session;
  byId('state').textContent = code ? `${name} (${code})` : name;
  byId('state').dataset.state = name;
  byId('user').textContent = userId ? shorten(userId) : '–';
  byId('user').title = userId ?? '';
  byId('conversation').textContent = conversationId ? shorten(conversationId) : '–';
  byId('conversation').title = conversationId ?? '';
  byId('expiry').textContent = expiresAt ? remaining(expiresAt) : '–';
}

document.addEventListener('chatgate', (event) => {
  session = event.detail;
  showSession();
});
setInterval(showSession, 1_000);
showSnippet();
embed();
