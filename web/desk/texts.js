/**
 * What the page says where it cannot show what was asked for.
 */

/** By the codes of problems; what the server says in `detail` comes first. */
export const PROBLEMS = {
  internal: 'Something went wrong. Try again in a moment.',
  network: 'There was no answer. Check your connection, then try again.',
  bad_answer: 'The answer could not be read. Try again in a moment.',
  bad_request: 'This cannot be asked for.',
  sign_in_needed: 'Your session has ended.',
  sign_in_failed: 'Signing in did not work.'
};

/** Whole screens: a title, what it means, and what the button does. */
export const SCREENS = {
  starting: { title: 'Opening the service desk…' },
  signingIn: { title: 'Taking you to the sign-in page…' },
  signedOut: {
    icon: 'shield',
    title: 'Sign in to read conversations',
    text: 'Use your organization’s account. You see the conversations of your organization’s assistants, and nobody else’s.',
    action: 'Sign in'
  },
  expired: {
    icon: 'shield',
    title: 'Your session has ended',
    text: 'Sign in again to go on where you were.',
    action: 'Sign in again'
  },
  signInFailed: { icon: 'warning', title: 'Signing in did not work', action: 'Try again' },
  roleMissing: {
    icon: 'shield',
    title: 'Your account may not read conversations',
    text: 'Ask your administrator for the role “Desk.Read” of this application, then sign in again.',
    action: 'Use another account'
  },
  notAccepted: {
    icon: 'shield',
    title: 'This account is not accepted here',
    text: 'The service desk is for organizations whose assistants it serves. Use the account of such an organization, or ask your administrator.',
    action: 'Use another account'
  },
  noAssistants: {
    icon: 'chat',
    title: 'There is nothing to read for your organization',
    text: 'No assistant is set up for the organization of this account.',
    action: 'Use another account'
  },
  notSetUp: {
    icon: 'warning',
    title: 'The service desk is not set up',
    text: 'It needs the setting Api__ClientId, and a tenant of at least one assistant.'
  },
  noLibrary: {
    icon: 'warning',
    title: 'The sign-in library is missing',
    text: 'MSAL could not be loaded. If trying again does not help, this build of the server was made without it: scripts/fetch-msal.sh fetches it.',
    action: 'Try again'
  },
  failed: { icon: 'warning', title: 'The service desk cannot be reached', action: 'Try again' }
};

/** In addition, of who has come back from the sign-in page by its button. */
export const CANCELLED = 'You cancelled signing in.';

/** What audited actions are called. */
export const ACTIONS = {
  list: 'Listed conversations',
  read: 'Read a conversation',
  export: 'Exported a conversation',
  erase_conversation: 'Erased a conversation',
  erase_user: 'Erased a user',
  read_audit: 'Read the audit trail',
  purge: 'Removed by retention'
};
