import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Auth } from '../desk/auth.js';
import { describeAuthority } from '../desk/authority.js';

class InteractionRequiredAuthError extends Error {}

const config = { authority: 'https://login.microsoftonline.com', clientId: 'c', scope: 'api://c/Desk.Access' };
const account = { username: 'ann@client.example', homeAccountId: 'h' };

/** A library that keeps what it was asked, and fails where it is told to. */
function fakeMSAL({ returned = null, cached = [], fails = {} } = {}) {
  const calls = [];
  const say = (name, answer) => async (request) => {
    calls.push([name, request]);
    if (fails[name]) throw fails[name];
    return answer;
  };
  class PublicClientApplication {
    initialize = say('initialize');
    handleRedirectPromise = say('handleRedirectPromise', returned);
    loginRedirect = say('loginRedirect');
    logoutRedirect = say('logoutRedirect');
    acquireTokenSilent = say('acquireTokenSilent', { accessToken: 'token' });
    getActiveAccount = () => null;
    getAllAccounts = () => cached;
    setActiveAccount = (active) => calls.push(['setActiveAccount', active]);

    constructor(options) {
      calls.push(['new', options]);
    }
  }
  return { calls, PublicClientApplication, InteractionRequiredAuthError, CacheLookupPolicy: { AccessTokenAndRefreshToken: 2 } };
}

function fakeWindow(address = 'https://app.example/api/site/desk/#/bankx/k') {
  const items = new Map();
  const location = new URL(address);
  return {
    location,
    history: { replaceState: (state, title, href) => (location.href = href) },
    sessionStorage: { getItem: (key) => items.get(key) ?? null, setItem: (key, value) => items.set(key, value) },
    fetch: async () => assert.fail('nothing is to be fetched')
  };
}

const open = (msal, more = {}) => Auth.open({ msal, config, window: fakeWindow(), ...more });

test('an authority is asked for accounts of any organization', async () => {
  assert.deepEqual(await describeAuthority('https://login.microsoftonline.com/', fakeWindow().fetch), { authority: 'https://login.microsoftonline.com/organizations' });
});

test('a stand-in on this machine is described to MSAL, which would refuse its address', async () => {
  const metadata = { token_endpoint: 'http://localhost:7071/local/entra/organizations/oauth2/v2.0/token' };
  const asked = [];
  const fetch = async (url) => asked.push(url) && new Response(JSON.stringify(metadata));
  assert.deepEqual(await describeAuthority('http://localhost:7071/local/entra', fetch), {
    authority: 'https://localhost:7071/local/entra/organizations',
    knownAuthorities: ['localhost:7071'],
    authorityMetadata: JSON.stringify(metadata)
  });
  assert.deepEqual(asked, ['http://localhost:7071/local/entra/organizations/v2.0/.well-known/openid-configuration']);
});

test('nothing but loopback is trusted without https', async () => {
  for (const authority of ['http://login.example', 'http://localhost.example', 'http://127.0.0.1.example']) {
    assert.deepEqual(await describeAuthority(authority, fakeWindow().fetch), { authority: `${authority}/organizations` });
  }
});

test('tokens stay in the tab, and the page itself is where one comes back to', async () => {
  const msal = fakeMSAL();
  await open(msal);
  const [, options] = msal.calls[0];
  assert.equal(options.cache.cacheLocation, 'sessionStorage');
  assert.equal(options.auth.redirectUri, 'https://app.example/api/site/desk/');
  assert.equal(options.auth.postLogoutRedirectUri, 'https://app.example/api/site/desk/');
});

test('who has just signed in comes before who was', async () => {
  const before = { username: 'before' };
  assert.equal((await open(fakeMSAL({ returned: { account }, cached: [before] }))).account, account);
  assert.equal((await open(fakeMSAL({ cached: [before] }))).account, before);
  assert.equal((await open(fakeMSAL())).account, undefined);
});

test('who is signed in is known by the id that the audit records', async () => {
  const idOf = async (claims) => (await open(fakeMSAL({ cached: [{ ...account, ...claims }] }))).objectId;
  assert.equal(await idOf({ idTokenClaims: { oid: 'o' }, localAccountId: 'l' }), 'o');
  assert.equal(await idOf({ localAccountId: 'l' }), 'l');
  assert.equal(await idOf({}), '');
  assert.equal((await open(fakeMSAL())).objectId, '');
});

test('what signing out leaves in the address goes, the route stays', async () => {
  const window = fakeWindow('https://app.example/api/site/desk/?state=x#/bankx/k');
  await open(fakeMSAL(), { window });
  assert.equal(window.location.href, 'https://app.example/api/site/desk/#/bankx/k');
});

test('a token is asked for without a hidden frame', async () => {
  const msal = fakeMSAL({ cached: [account] });
  const auth = await open(msal);
  assert.equal(await auth.token({ renew: true }), 'token');
  assert.deepEqual(msal.calls.at(-1), ['acquireTokenSilent', { scopes: [config.scope], account, forceRefresh: true, cacheLookupPolicy: 2 }]);
});

test('what only the person can settle ends the session, the rest does not', async () => {
  const cases = [
    [new InteractionRequiredAuthError(), 'sign_in_needed'],
    [Object.assign(new Error(), { errorCode: 'invalid_grant' }), 'sign_in_needed'],
    [Object.assign(new Error(), { errorCode: 'no_network_connectivity' }), 'network'],
    [new TypeError('failed to fetch'), 'network'],
    [Object.assign(new Error(), { errorCode: 'server_error', errorMessage: 'AADSTS90033: Try later.' }), 'sign_in_failed']
  ];
  for (const [error, code] of cases) {
    const auth = await open(fakeMSAL({ cached: [account], fails: { acquireTokenSilent: error } }));
    await assert.rejects(auth.token(), { code, endsSession: code === 'sign_in_needed' });
  }
});

test('a refusal at the sign-in page is told in its words', async () => {
  const refusal = Object.assign(new Error(), { errorCode: 'access_denied', errorMessage: 'AADSTS50105: not assigned' });
  await assert.rejects(open(fakeMSAL({ fails: { handleRedirectPromise: refusal } })), { code: 'sign_in_failed', detail: 'access_denied: AADSTS50105: not assigned' });
});

test('to cancel at the sign-in page is no failure', async () => {
  const cancelled = Object.assign(new Error(), { errorCode: 'access_denied', errorMessage: 'AADSTS65004: User declined to consent to access the app.' });
  const auth = await open(fakeMSAL({ fails: { handleRedirectPromise: cancelled } }));
  assert.deepEqual([auth.isCancelled, auth.account], [true, undefined]);
  await auth.signIn();
  assert.equal((await open(fakeMSAL())).isCancelled, false);
});

test('the page goes to sign in by itself once, not round in circles', async () => {
  let now = 1_000_000;
  const msal = fakeMSAL({ cached: [account] });
  const auth = await open(msal, { now: () => now });
  const count = () => msal.calls.filter(([name]) => name === 'loginRedirect').length;
  assert.equal(await auth.signInOnce(), true);
  now += 10_000;
  assert.equal(await auth.signInOnce(), false);
  assert.equal(count(), 1);
  now += 60_000;
  assert.equal(await auth.signInOnce(), true);
  assert.equal(count(), 2);
});

test('another account is asked for only where it is wanted', async () => {
  const msal = fakeMSAL({ cached: [account] });
  const auth = await open(msal);
  await auth.signIn();
  await auth.signIn({ chooseAccount: true });
  const requests = msal.calls.filter(([name]) => name === 'loginRedirect').map(([, request]) => request);
  assert.deepEqual(requests, [
    { scopes: [config.scope], loginHint: account.username },
    { scopes: [config.scope], prompt: 'select_account' }
  ]);
});
