/**
 * Saves a conversation as a file.
 *
 * @param {Blob} blob
 * @param {string} name of the conversation
 */
export function saveTranscript(blob, name) {
  const address = URL.createObjectURL(blob);
  const link = document.createElement('a');
  link.href = address;
  link.download = fileName(name);
  link.click();
  // The browser reads it after the click has been dealt with.
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

/**
 * A name that every system takes, and that begins with no dot.
 *
 * @param {string} name
 */
export function fileName(name) {
  const plain = name.replace(/[^\w-]+/g, '-').replace(/^-+|-+$/g, '').slice(0, 80);
  return `${plain || 'conversation'}.transcript`;
}
