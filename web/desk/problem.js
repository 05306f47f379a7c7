import { PROBLEMS } from './texts.js';

/**
 * What went wrong. `code` is the API's (RFC 9457, member `code`) or one of the
 * page's own: `network` (no answer at all), `bad_answer` (an answer that cannot
 * be used), `sign_in_needed` and `sign_in_failed`.
 */
export class Problem extends Error {
  /**
   * @param {string} code
   * @param {{ status?: number, detail?: string, reference?: string, cause?: unknown }} [more]
   *   status: 0 where there was no answer; detail: for people; reference: by which the log is searched
   */
  constructor(code, { status = 0, detail, reference = '', cause } = {}) {
    super(code, { cause });
    this.name = 'Problem';
    this.code = code;
    this.status = status;
    this.detail = detail || (Object.hasOwn(PROBLEMS, code) ? PROBLEMS[code] : PROBLEMS.internal);
    this.reference = reference;
  }

  /** Whether the session is over: nothing works before the person signs in again. */
  get endsSession() {
    return this.status === 401 || this.code === 'sign_in_needed';
  }

  /** Whether somebody stopped waiting for the answer, which is no failure. */
  static isAbort(error) {
    return error?.name === 'AbortError';
  }

  /** @param {unknown} error what is none of these is a mistake of the page, which whoever looks for it finds in the console */
  static from(error) {
    if (error instanceof Problem) return error;
    console.error(error);
    return new Problem('internal', { cause: error });
  }
}
