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
  const waiting = new Map(); // logins that their users have not decided: a typed code, or undefined

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
        if (!waiting.has(key)) return false;
        waiting.set(key, words);
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
      await context.sendActivity(excuse(error));
    }
  }

  async function follow(started, who, key, tell) {
    waiting.set(key, undefined);
    const typed = () => {
      const code = waiting.get(key);
      waiting.set(key, undefined);
      return code;
    };
    try {
      const { status, token } = await login.decided(started, who, { typed });
      if (token) sessions.set(key, { conversationId: who.conversationId, token });
      await tell(message({ approved: 'You are logged in.', access_denied: 'You declined.' }[status] ?? 'Nobody answered in time.'));
    } catch (error) {
      await tell(excuse(error));
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
    await context.sendActivity(message('You are logged out.'));
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

/** What the user reads of a refusal. Nothing of a token is in one. */
function excuse({ code, retryAfter = 60 }) {
  const texts = {
    login_pending: 'A login is waiting for you already.',
    login_cooldown: `You have just declined. Ask again in ${retryAfter} seconds.`,
    rate_limited: `That was often enough. Ask again in ${retryAfter} seconds.`,
    login_again: 'Your login has ended. Please log in again.'
  };
  return message(texts[code] ?? 'The login does not work just now.');
}
