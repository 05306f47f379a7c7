/**
 * What a chat client without Web Chat does so that a sign-in completes in its own
 * browser session, without a code that the user types: it asks Direct Line for the
 * session's id, and puts it into the links of sign-in cards.
 */

/**
 * The id of this browser session, or undefined where there is none; then the user
 * types the code that the sign-in page shows. Ask anew for each conversation.
 *
 * `domain` and `token` are those of GetNewToken's answer. The page's origin must be
 * one of the assistant's TrustedOrigins. The request sets a cookie of Direct
 * Line's, which the browser must keep: hence `credentials`.
 */
export async function sessionId({ domain, token }) {
  const response = await fetch(`${domain}/session/getsessionid`, {
    headers: { Authorization: `Bearer ${token}` },
    credentials: 'include'
  }).catch(() => undefined);
  return response?.ok ? (await response.json()).sessionId : undefined;
}

/**
 * The link behind a card's sign-in button. Open it in the same browser, by a click:
 * window.open(link, '_blank', 'noopener').
 *
 * The session's id is appended as Web Chat does, with its & and = encoded: it becomes
 * a part of the link's last parameter, where the sign-in page looks for it.
 */
export function signInLink({ value }, session) {
  if (!['https:', 'http:'].includes(new URL(value).protocol)) throw new Error('a sign-in link must be of the web');
  return session ? value + encodeURIComponent(`&code_challenge=${session}`) : value;
}

/** The sign-in buttons of an activity: those of OAuth cards and of sign-in cards. */
export function signInButtons({ attachments = [] }) {
  return attachments
    .filter(({ contentType }) => /^application\/vnd\.microsoft\.card\.(oauth|signin)$/.test(contentType))
    .flatMap(({ content }) => content.buttons)
    .filter(({ type }) => type === 'signin');
}
