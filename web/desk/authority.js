/**
 * Where to sign in. MSAL refuses an authority that is not https, also on this
 * machine, where a stand-in for Entra ID answers by http.
 */

const LOOPBACK = new Set(['localhost', '127.0.0.1']);

/**
 * What MSAL is to know of the authority. Of any organization, because the API
 * decides whose accounts may do what.
 *
 * @param {string} authority URL without a tenant
 * @param {typeof globalThis.fetch} fetch
 * @returns {Promise<{ authority: string, knownAuthorities?: string[], authorityMetadata?: string }>}
 */
export async function describeAuthority(authority, fetch) {
  const address = `${authority.replace(/\/+$/, '')}/organizations`;
  const url = new URL(address);
  if (url.protocol !== 'http:' || !LOOPBACK.has(url.hostname)) return { authority: address };
  // Told the endpoints, MSAL asks nobody for them: the https address, at which
  // nothing answers, is only their name.
  const answer = await fetch(`${address}/v2.0/.well-known/openid-configuration`);
  if (!answer.ok) throw new Error(`the stand-in for Entra ID answered ${answer.status}`);
  return {
    authority: address.replace(/^http:/, 'https:'),
    knownAuthorities: [url.host],
    authorityMetadata: JSON.stringify(await answer.json())
  };
}
