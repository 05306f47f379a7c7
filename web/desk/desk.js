import { createApi } from './api.js';
import { Auth } from './auth.js';
import { byId, h } from './dom.js';
import { Problem } from './problem.js';
import { screenElement } from './states.js';
import { CANCELLED, SCREENS } from './texts.js';
import { Workplace } from './workplace.js';

/**
 * The service desk's page: signs a consultant in, and shows what their
 * organization's visitors have said.
 */

let auth;

const api = createApi({ fetch: window.fetch.bind(window), token: (options) => auth.token(options) });

/** Shows a whole screen in place of the desk. */
function showScreen(name, more = {}) {
  const screen = byId('screen');
  document.body.dataset.view = 'screen';
  screen.dataset.name = name;
  screen.replaceChildren(screenElement(SCREENS[name], more));
  screen.setAttribute('aria-busy', String(name === 'starting' || name === 'signingIn'));
}

/** A screen that somebody has to read: the keyboard goes there. */
function stop(name, more) {
  showScreen(name, more);
  byId('screen').querySelector('h2').focus({ preventScroll: true });
}

async function leaveFor(go) {
  showScreen('signingIn');
  try {
    await go();
  } catch (error) {
    stop('signInFailed', { ...wordsOf(error), run: () => location.reload() });
  }
}

const signIn = (options) => leaveFor(() => auth.signIn(options));

function wordsOf(error) {
  const { detail, reference } = Problem.from(error);
  return { detail, reference };
}

/**
 * Deals with what makes all else useless: a session that has ended, and rights
 * that have been taken away.
 *
 * @returns {boolean} whether that was it
 */
function onError(error) {
  if (error?.endsSession) {
    renewSession(error);
    return true;
  }
  if (error?.code !== 'role_missing' || location.hash.endsWith('/!audit')) return false;
  stop('roleMissing', { ...wordsOf(error), run: () => signIn({ chooseAccount: true }) });
  return true;
}

// Entra ID often signs in again without asking. It is asked once, so that a
// token that is refused for good does not send the page round in circles.
async function renewSession(error) {
  showScreen('signingIn');
  const leaves = await auth.signInOnce().catch(() => undefined);
  if (leaves) return;
  // A token of a moment ago is refused as well: it is the account that does not fit.
  if (leaves === false && error.status === 401) stop('notAccepted', { reference: error.reference, run: () => signIn({ chooseAccount: true }) });
  else stop('expired', { run: () => signIn() });
}

async function start() {
  showScreen('starting');
  try {
    const config = await api.config();
    if (!config.clientId || !config.authority) return stop('notSetUp');
    if (!window.msal) return stop('noLibrary', { run: () => location.reload() });
    auth = await Auth.open({ msal: window.msal, config, window });
  } catch (error) {
    return stopAtStart(error);
  }
  showPerson();
  // Who had an account already was about to use another.
  if (auth.isCancelled) return stop('signedOut', { detail: CANCELLED, run: () => signIn({ chooseAccount: Boolean(auth.account) }) });
  if (!auth.account) return stop('signedOut', { run: () => signIn() });
  return enter();
}

function stopAtStart(error) {
  if (error?.status === 404) return stop('notSetUp');
  const name = error?.code === 'sign_in_failed' ? 'signInFailed' : 'failed';
  return stop(name, { ...wordsOf(error), run: name === 'failed' ? start : () => location.reload() });
}

async function enter() {
  showScreen('starting');
  try {
    const { items = [], roles = [] } = await api.assistants();
    if (items.length === 0) return stop('noAssistants', { run: () => signIn({ chooseAccount: true }) });
    new Workplace({ api, assistants: items.map((item) => item.id), roles, reader: auth.objectId, onError }).start();
  } catch (error) {
    if (!onError(error)) stop('failed', { ...wordsOf(error), run: enter });
  }
}

function showPerson() {
  const { name, username } = auth.account ?? {};
  byId('person').replaceChildren(
    ...(auth.account
      ? [h('span', { class: 'person', title: username }, name || username), h('button', { type: 'button', class: 'button', click: () => leaveFor(() => auth.signOut()) }, 'Sign out')]
      : [])
  );
}

// By hand: the address belongs to the router.
byId('skip').addEventListener('click', (event) => {
  event.preventDefault();
  (document.querySelector('body[data-view="conversation"] #conversation h2') ?? byId('main')).focus();
});

start();
