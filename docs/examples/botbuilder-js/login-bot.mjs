/**
 * The part of a bot that logs its users in and asks the client's system for them.
 * Give it each message; it returns whether the message was for it:
 *
 *     const answer = loginTurn({ login: new ChatgateLogin({ url, assistant, token }), later });
 *     handler.onMessage(async (context, next) => (await answer(context)) || next());
 *
 * @param {object} options
 * @param {import('./login.mjs').ChatgateLogin} options.login
 * @param {(context) => (activity) => Promise<void>} options.later  sends to a conversation after the turn has ended:
 *     (context) => {
 *       const reference = TurnContext.getConversationReference(context.activity);
 *       return (activity) => adapter.continueConversationAsync(appId, reference, (turn) => turn.sendActivity(activity));
 *     }
 * @param {string} [options.connection]  an OAuth connection of the bot, in place of the client's Login API
 * @param {Map} [options.sessions]  who is logged in. A bot of several instances keeps it in its conversation state; the tokens in it are sealed
 */
export function loginTurn({ login, later, connection, sessions = new Map() }) {
  const waiting = new Map(); // logins that their users have not decided: {started, code, dropped}

  return async function answer(context) {
    const { text = '', conversation, from } = context.activity;
    const who = { conversationId: conversation.id, userId: from.id };
    const key = JSON.stringify(who);
    const [, words, hint] = /^(log in|balance|log out|\d{6})(?: as (.*))?$/i.exec(text.trim()) ?? [];
    switch (words?.toLowerCase()) {
      case undefined:
        return false;
      case 'log in':
        await begin(context, who, key, hint);
        return true;
      case 'balance':
        await balance(context, key);
        return true;
      case 'log out':
        await end(context, key);
        return true;
      default: // six digits, from a sign-in page
        if (!waiting.has(key) || waiting.get(key).dropped) return false;
        waiting.get(key).code = words;
        return true;
    }
  };

  async function begin(context, who, key, hint) {
    const { channelId, serviceUrl } = context.activity;
    const how = connection ? { provider: 'botservice', connection, channelId, serviceUrl } : { hint };
    try {
      const started = await login.start(who, how);
      await context.sendActivity(started.signInLink ? signInCard(connection, started.signInLink) : codeMessage(started.bindingCode));
      // Goes on after the turn.
      follow(started, who, key, later(context)).catch((error) => console.error('telling a user of the login failed:', error.message));
    } catch (error) {
      const waits = error.code === 'login_pending' && waiting.get(key);
      if (waits) waits.dropped = false; // the user wants it after all
      await context.sendActivity(waits ? showAgain(connection, waits.started, error) : excuse(error));
    }
  }

  async function follow(started, who, key, tell) {
    const own = { started };
    waiting.set(key, own);
    const typed = () => {
      const { code } = own;
      own.code = undefined;
      return code;
    };
    try {
      const { status, token } = await login.decided(started, who, { typed });
      const session = token && { conversationId: who.conversationId, token };
      if (own.dropped) return session && (await login.signOut(session).catch(() => {}));
      if (session) sessions.set(key, session);
      await tell(message({ approved: 'You are logged in.', access_denied: 'You declined.' }[status] ?? 'Nobody answered in time.'));
    } catch (error) {
      if (!own.dropped) await tell(excuse(error));
    } finally {
      waiting.delete(key);
    }
  }

  async function balance(context, key) {
    const session = sessions.get(key);
    if (!session) return context.sendActivity(message('Please log in first.'));
    try {
      const response = await login.call(session, 'balance');
      if (!response.ok) return await context.sendActivity(message('The bank cannot tell just now.'));
      const found = await response.json();
      return await context.sendActivity(message(`Your balance is ${found.currency} ${found.balance}.`));
    } catch (error) {
      if (error.code === 'login_again') sessions.delete(key);
      return context.sendActivity(excuse(error));
    }
  }

  async function end(context, key) {
    const session = sessions.get(key);
    sessions.delete(key); // first: whatever happens, the bot no longer acts for the user
    if (session) await login.signOut(session).catch(() => {});
    const waits = waiting.get(key);
    const stops = waits && !waits.dropped;
    // Chatgate cannot cancel a login, and lets none begin beside it. So the polls go on, should the user want it after all.
    if (waits) waits.dropped = true;
    await context.sendActivity(message(stops ? 'You are logged out, and I no longer wait for the login that you began.' : 'You are logged out.'));
  }
}

const message = (text) => ({ type: 'message', text });

const codeMessage = (code) => message(`Your phone asks whether it is you, under the code ${code}. Accept only if it shows the same code.`);

/** Web Chat adds the session's id to the link of this card, so that the sign-in needs no code. */
const signInCard = (connectionName, link) => ({
  type: 'message',
  attachments: [
    {
      contentType: 'application/vnd.microsoft.card.oauth',
      content: {
        text: 'Please sign in. If the page shows a code, type it here.',
        connectionName,
        buttons: [{ type: 'signin', title: 'Sign in', value: link }]
      }
    }
  ]
});

/** A login that waits already: its code or card may be far up in the chat by now. */
function showAgain(connection, { signInLink, bindingCode }, { retryAfter }) {
  const others = `or ask again ${inTime(retryAfter)}.`;
  if (signInLink) return { ...signInCard(connection, signInLink), text: `A login is waiting for you already. Sign in by this card, ${others}` };
  return message(`A login is waiting for you already, under the code ${bindingCode}. Accept it only if your phone shows the same code, ${others}`);
}

const inTime = (seconds = 60) => (seconds < 120 ? `in ${seconds} seconds` : `in ${Math.ceil(seconds / 60)} minutes`);

/** What the user reads of a refusal. Nothing of a token is in one. */
function excuse({ code, retryAfter }) {
  const texts = {
    login_pending: `A login is waiting for you already. Answer that one, or ask again ${inTime(retryAfter)}.`,
    login_cooldown: `You have just declined. Ask again ${inTime(retryAfter)}.`,
    rate_limited: `That was often enough. Ask again ${inTime(retryAfter)}.`,
    login_again: 'Your login has ended. Please log in again.'
  };
  return message(texts[code] ?? 'The login does not work just now.');
}
