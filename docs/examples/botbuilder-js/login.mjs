import { setTimeout as pause } from 'node:timers/promises';

/** Chatgate refused. `code` is for programs; docs/reference/openapi.yaml lists them. */
export class ChatgateError extends Error {
  constructor(status, { code = '', detail = '' }, retryAfter) {
    super(`Chatgate answered ${status} ${code}: ${detail}`);
    Object.assign(this, { status, code, retryAfter });
  }
}

/**
 * Logs a bot's users in to the client's own system. The bot never sees the
 * system's token: what it holds is sealed, and only Chatgate can use it.
 *
 * It needs no package, and works against `make run` as against Azure.
 */
export class ChatgateLogin {
  /**
   * @param {object} options
   * @param {string} options.url        https://<app>.azurewebsites.net
   * @param {string} options.assistant  the assistant's id in Chatgate
   * @param {() => Promise<string>} options.token  the bot's own app-only token for api://<Api__ClientId>/.default
   */
  constructor({ url, assistant, token }) {
    Object.assign(this, { url, assistant, token });
  }

  /**
   * Asks the user. `who` is {conversationId, userId}, `how` any of {hint, provider,
   * connection, channelId, serviceUrl}. Answers {login, bindingCode?, signInLink?,
   * expires_in, interval}.
   */
  start(who, how = {}) {
    return this.#login('start', { ...who, ...how });
  }

  /**
   * Polls until the user has decided: the sealed token, or undefined where there is
   * none. `typed`, where given, returns a code that the user has typed from a
   * sign-in page, once, or nothing.
   *
   * @returns {Promise<{status: 'approved' | 'access_denied' | 'expired_token', token?: string}>}
   */
  async decided({ login, expires_in: life, interval }, who, { signal, typed = () => undefined } = {}) {
    let wait = interval;
    let code;
    for (const end = Date.now() + (life + interval) * 1000; Date.now() < end; ) {
      await pause(wait * 1000, undefined, { signal });
      code = typed() ?? code;
      try {
        const answer = await this.#login('poll', { login, ...who, ...(code && { code }) });
        if (!['authorization_pending', 'slow_down'].includes(answer.status)) return answer;
        if (answer.status === 'authorization_pending') code = undefined; // it was looked at, and is not the one
        wait = answer.interval;
      } catch (error) {
        if (error.status !== 503 && error.status !== undefined) throw error;
        wait = error.retryAfter ?? wait; // Chatgate, or the login, may come back
      }
    }
    return { status: 'expired_token' };
  }

  /**
   * Calls the client's system for the user. `session` is {conversationId, token},
   * and gets a new token where the old one had expired. `path` is relative to the
   * assistant's BackendUrl. What users have typed goes into it by encodeURIComponent
   * only: `accounts/${encodeURIComponent(typed)}`. A body must be a text or bytes, so
   * that it can be sent again. Throws a ChatgateError with code login_again where the
   * user must log in again.
   */
  async call(session, path, init = {}) {
    const used = session.token;
    try {
      return await this.#forward(session, path, init);
    } catch (error) {
      if (error.code !== 'login_again') throw error;
    }
    if (session.token === used) await this.#refresh(session);
    return this.#forward(session, path, init);
  }

  /** Ends what the user has approved, as far as the client's system can. Forget the session too. */
  async signOut({ conversationId, token }) {
    await this.#login('signout', { conversationId, token });
  }

  /** Once for all calls that wait: what a token is refreshed by may be good for once only. */
  #refresh(session) {
    session.refreshing ??= this.#login('refresh', { conversationId: session.conversationId, token: session.token })
      .then(({ token }) => void (session.token = token))
      .finally(() => delete session.refreshing);
    return session.refreshing;
  }

  async #forward({ conversationId, token }, path, init) {
    const headers = new Headers(init.headers);
    headers.set('X-Login-Token', token);
    headers.set('X-Conversation-Id', conversationId);
    const response = await this.#send(this.#inside(path), { ...init, headers });
    if (!response.headers.has('X-Backend-Status')) throw await refusal(response);
    return response;
  }

  /**
   * Where a path is sent to. It must have no dot segments: Chatgate refuses them, but
   * would not see any, since fetch resolves `..` and `%2e%2e` before it sends, and so
   * would call other addresses of Chatgate with the bot's token. encodeURIComponent
   * leaves dots as they are.
   */
  #inside(path) {
    const base = `backend/${this.assistant}/`;
    const { pathname } = new URL(`${this.url}/api/${base}${path}`);
    const [plain] = path.replace(/[\0- ]/g, '').split(/[?#]/); // fetch drops some of these
    const dots = plain.split(/[\\/]/).some((segment) => /^(\.|%2e){1,2}$/i.test(segment));
    if (dots || !pathname.startsWith(new URL(`${this.url}/api/${base}`).pathname)) {
      throw new TypeError('the path of a call must stay under the back end, without the segments . and ..');
    }
    return base + path;
  }

  async #login(call, body) {
    const headers = new Headers({ 'Content-Type': 'application/json' });
    const response = await this.#send(`login/${this.assistant}/${call}`, { method: 'POST', headers, body: JSON.stringify(body) });
    if (!response.ok) throw await refusal(response);
    return response.status === 204 ? undefined : response.json();
  }

  async #send(path, init) {
    init.headers.set('Authorization', `Bearer ${await this.token()}`);
    return fetch(`${this.url}/api/${path}`, { ...init, redirect: 'error', signal: AbortSignal.timeout(45_000) });
  }
}

async function refusal(response) {
  const problem = await response.json().catch(() => ({}));
  return new ChatgateError(response.status, problem, Number(response.headers.get('Retry-After')) || undefined);
}

/**
 * The bot's own token by a secret, kept until shortly before it expires. With a
 * managed identity there is no secret, and @azure/identity does it:
 *
 *     const credential = new ManagedIdentityCredential({ clientId });
 *     const token = async () => (await credential.getToken(`api://${api}/.default`)).token;
 *
 * @param {object} options
 * @param {string} options.tenant  the tenant of the bot's registration
 * @param {string} options.clientId  the bot's
 * @param {string} options.clientSecret  the bot's
 * @param {string} options.api  Api__ClientId of Chatgate
 * @param {string} [options.authority]
 * @returns {() => Promise<string>}
 */
export function clientSecretToken({ tenant, clientId, clientSecret, api, authority = 'https://login.microsoftonline.com' }) {
  const body = { grant_type: 'client_credentials', client_id: clientId, client_secret: clientSecret, scope: `api://${api}/.default` };
  let token;
  let end = 0;
  return async () => {
    if (Date.now() < end) return token;
    const response = await fetch(`${authority}/${tenant}/oauth2/v2.0/token`, { method: 'POST', body: new URLSearchParams(body) });
    if (!response.ok) throw new Error(`Entra ID gave no token: ${response.status}`);
    const { access_token: fresh, expires_in: life } = await response.json();
    end = Date.now() + (life - 300) * 1000;
    return (token = fresh);
  };
}
