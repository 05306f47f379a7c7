/**
 * What the widget itself says. Web Chat has its own translations and takes the
 * same language tag.
 */
const TEXTS = {
  en: {
    title: 'Chat',
    open: 'Open the chat',
    close: 'Close the chat',
    starting: 'Connecting…',
    reconnecting: 'The connection was lost. Reconnecting…',
    offline: 'You are offline. The chat resumes when you are back online.',
    away: 'The chat cannot be reached right now. We keep trying.',
    refused: 'The chat is not available on this page.',
    renewed: 'Your earlier conversation has ended. This is a new one.',
    retry: 'Try again',
    dismiss: 'Got it'
  },
  de: {
    title: 'Chat',
    open: 'Chat öffnen',
    close: 'Chat schließen',
    starting: 'Verbindung wird hergestellt …',
    reconnecting: 'Die Verbindung ist abgebrochen und wird wiederhergestellt …',
    offline: 'Sie sind offline. Der Chat geht weiter, sobald Sie wieder online sind.',
    away: 'Der Chat ist gerade nicht erreichbar. Wir versuchen es weiter.',
    refused: 'Der Chat ist auf dieser Seite nicht verfügbar.',
    renewed: 'Ihre frühere Unterhaltung ist beendet. Dies ist eine neue.',
    retry: 'Erneut versuchen',
    dismiss: 'Verstanden'
  },
  fr: {
    title: 'Chat',
    open: 'Ouvrir le chat',
    close: 'Fermer le chat',
    starting: 'Connexion…',
    reconnecting: 'La connexion a été perdue. Reconnexion…',
    offline: 'Vous êtes hors ligne. Le chat reprendra dès votre retour en ligne.',
    away: 'Le chat est injoignable pour le moment. Nous continuons d’essayer.',
    refused: 'Le chat n’est pas disponible sur cette page.',
    renewed: 'Votre conversation précédente est terminée. En voici une nouvelle.',
    retry: 'Réessayer',
    dismiss: 'Compris'
  },
  es: {
    title: 'Chat',
    open: 'Abrir el chat',
    close: 'Cerrar el chat',
    starting: 'Conectando…',
    reconnecting: 'Se perdió la conexión. Volviendo a conectar…',
    offline: 'No tiene conexión. El chat continuará cuando vuelva a tenerla.',
    away: 'El chat no está disponible en este momento. Seguimos intentándolo.',
    refused: 'El chat no está disponible en esta página.',
    renewed: 'Su conversación anterior ha terminado. Esta es nueva.',
    retry: 'Reintentar',
    dismiss: 'Entendido'
  }
};

/**
 * @param {string} locale a language tag such as de-CH
 */
export function textsFor(locale) {
  const language = locale.toLowerCase().split('-')[0];
  return TEXTS[Object.hasOwn(TEXTS, language) ? language : 'en'];
}
