import { describeAuthority } from './authority.js';
import { Problem } from './problem.js';

// When the page last went to sign in by itself.
const LAST_ATTEMPT = 'chatgate:desk:sign-in';
const ATTEMPT_AGAIN_MS = 60_000;

/** What MSAL says when only the person can help. */
const NEEDS_PERSON = new Set(['invalid_grant', 'no_account_error', 'no_tokens_found', 'refresh_token_expired']);
const NO_ANSWER = new Set(['network_error', 'no_network_connectivity', 'post_request_failed', 'get_request_failed']);

// What Entra ID says where somebody has turned back, by the code within its words.
const CANCELLED = /\bAADSTS65004\b/;

/**
 * Signing in by MSAL: authorization code with PKCE, by redirects alone. Tokens
 * are kept in the tab's own storage, and die with it.
 */
export class Auth {
  #msal;
  #client;
  #scopes;
  #storage;
  #now;

  /** @type {object | undefined} who is signed in, as MSAL has it */
  account;

  /** Whether the sign-in page was left by its button for cancelling, just now. */
  isCancelled = false;

  /**
   * Takes up what the sign-in page has answered, if the browser comes from
   * there. Reads and clears the address: nothing else may look at it before.
   *
   * @param {object} options
   * @param {object} options.msal the library
   * @param {{ authority: string, clientId: string, scope: string }} options.config
   * @param {Window} options.window
   * @param {() => number} [options.now]
   */
  static async open({ msal, config, window, now = Date.now }) {
    const auth = new Auth();
    auth.#msal = msal;
    auth.#scopes = [config.scope];
    auth.#storage = window.sessionStorage;
    auth.#now = now;
    try {
      await auth.#start(config, window);
    } catch (error) {
      throw failureOf(error);
    }
    return auth;
  }

  async #start({ authority, clientId }, window) {
    const here = new URL('.', window.location.href).href;
    this.#client = new this.#msal.PublicClientApplication({
      auth: {
        clientId,
        redirectUri: here,
        postLogoutRedirectUri: here,
        ...(await describeAuthority(authority, window.fetch.bind(window)))
      },
      cache: { cacheLocation: 'sessionStorage' }
    });
    await this.#client.initialize();
    // Brings back the address that signing in began at, a link to a conversation included.
    const answer = await this.#client.handleRedirectPromise().catch((error) => this.#takeBack(error));
    // Signing out leaves a state in the query, which this page has no use for.
    if (window.location.search) window.history.replaceState(null, '', here + window.location.hash);
    this.account = answer?.account ?? this.#client.getActiveAccount() ?? this.#client.getAllAccounts()[0];
    if (this.account) this.#client.setActiveAccount(this.account);
  }

  /** The id by which the audit knows who is signed in. */
  get objectId() {
    return this.account?.idTokenClaims?.oid ?? this.account?.localAccountId ?? '';
  }

  /**
   * Leaves for the sign-in page.
   *
   * @param {{ chooseAccount?: boolean }} [options]
   */
  async signIn({ chooseAccount = false } = {}) {
    const request = { scopes: this.#scopes, ...(chooseAccount ? { prompt: 'select_account' } : this.#hint()) };
    try {
      await this.#client.loginRedirect(request);
    } catch (error) {
      throw failureOf(error);
    }
  }

  /**
   * Leaves for the sign-in page unless that was done a moment ago: what did not
   * help then would only go round in circles.
   *
   * @returns {Promise<boolean>} whether it leaves
   */
  async signInOnce() {
    const last = Number(this.#storage.getItem(LAST_ATTEMPT) ?? 0);
    if (Math.abs(this.#now() - last) < ATTEMPT_AGAIN_MS) return false;
    this.#storage.setItem(LAST_ATTEMPT, String(this.#now()));
    await this.signIn();
    return true;
  }

  /** Ends the session here and with Entra ID, and comes back to the page. */
  async signOut() {
    await this.#client.logoutRedirect({ account: this.account });
  }

  /**
   * @param {{ renew?: boolean }} [options] renew: not one that was handed out before
   * @returns {Promise<string>} an access token for the API
   */
  async token({ renew = false } = {}) {
    try {
      const answer = await this.#client.acquireTokenSilent({
        scopes: this.#scopes,
        account: this.account,
        forceRefresh: renew,
        // The other policies go on in a hidden frame, which browsers cut off
        // from the sign-in page's cookies and this page's policy forbids.
        cacheLookupPolicy: this.#msal.CacheLookupPolicy.AccessTokenAndRefreshToken
      });
      return answer.accessToken;
    } catch (error) {
      throw this.#tokenProblem(error);
    }
  }

  // To have changed one's mind is no failure: the page is as if nobody had tried.
  #takeBack(error) {
    if (!CANCELLED.test(error?.errorMessage ?? error?.message)) throw error;
    this.isCancelled = true;
  }

  #tokenProblem(error) {
    const needsPerson = error instanceof this.#msal.InteractionRequiredAuthError || NEEDS_PERSON.has(error?.errorCode);
    return needsPerson ? new Problem('sign_in_needed', { cause: error }) : failureOf(error);
  }

  #hint() {
    const loginHint = this.account?.idTokenClaims?.login_hint ?? this.account?.username;
    return loginHint ? { loginHint } : {};
  }
}

// Entra ID's own words help an administrator; they are shown as text.
function failureOf(error) {
  if (error instanceof TypeError || NO_ANSWER.has(error?.errorCode)) return new Problem('network', { cause: error });
  const detail = [error?.errorCode, error?.errorMessage || error?.message].filter(Boolean).join(': ').slice(0, 500);
  return new Problem('sign_in_failed', { detail, cause: error });
}
