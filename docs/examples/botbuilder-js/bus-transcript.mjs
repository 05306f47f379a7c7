import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';

/**
 * Sends every activity of a bot to Chatgate's queue. Give it to the SDK:
 *
 *     adapter.use(new TranscriptLoggerMiddleware(new BusTranscript({ namespace, assistant, token })));
 *
 * It speaks Service Bus's REST interface, so it needs no further package, and
 * works against `make run` as against Azure.
 */
export class BusTranscript {
  /**
   * @param {object} options
   * @param {string} options.namespace  https://<namespace>.servicebus.windows.net
   * @param {string} options.assistant  the assistant's id in Chatgate
   * @param {() => Promise<string>} [options.token]  an Entra token for https://servicebus.azure.net/.default
   */
  constructor({ namespace, assistant, token }) {
    this.url = `${namespace}/conversation-activities/messages`;
    this.assistant = assistant;
    this.token = token;
  }

  async logActivity(activity) {
    // The logger may omit both; they say what is the same activity when it is sent again.
    const stamped = { id: randomUUID(), timestamp: new Date().toISOString(), ...activity };
    const headers = {
      'Content-Type': 'application/json',
      BrokerProperties: JSON.stringify({ MessageId: `${stamped.conversation.id}|${stamped.id}`.slice(-128) }),
      assistant: `"${this.assistant}"`
    };
    if (this.token) headers.Authorization = `Bearer ${await this.token()}`;

    for (let attempt = 0; ; attempt++) {
      const response = await fetch(this.url, { method: 'POST', headers, body: JSON.stringify(stamped) }).catch((error) => error);
      if (response.ok) return;
      if (attempt === 4) throw new Error(`the transcript of an activity could not be sent: ${response.status ?? response.message}`);
      await pause(200 * 2 ** attempt);
    }
  }
}
