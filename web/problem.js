/**
 * What went wrong, in the words of the API's problem codes (RFC 9457, member
 * `code`) and some of the browser's own: `network` (no answer at all),
 * `bad_answer` (an answer that cannot be used), `conversation_gone`,
 * `stream_closed` (the stream did not open) and `webchat_unavailable`.
 */

const TOKEN_REFUSED = new Set(['token_missing', 'token_malformed', 'token_expired', 'token_invalid']);

// Trying again cannot help with these: the page or its settings are wrong.
const LASTING = new Set([
  'bad_request',
  'too_large',
  'origin_not_allowed',
  'origin_required',
  'unknown_assistant',
  'not_found',
  'method_not_allowed'
]);

export class Problem extends Error {
  /**
   * @param {string} code
   * @param {{ status?: number, retryAfter?: number, cause?: unknown }} [details]
   *   status: 0 where there was no answer; retryAfter: milliseconds
   */
  constructor(code, { status = 0, retryAfter = 0, cause } = {}) {
    super(code, { cause });
    this.name = 'Problem';
    this.code = code;
    this.status = status;
    this.retryAfter = retryAfter;
  }

  /** Whether trying again, later, makes sense. */
  get mayPass() {
    return !LASTING.has(this.code);
  }

  /** Whether the token will never be accepted again. */
  get tokenRefused() {
    return TOKEN_REFUSED.has(this.code);
  }

  /** @param {unknown} error */
  static from(error) {
    return error instanceof Problem ? error : new Problem('internal', { cause: error });
  }
}
