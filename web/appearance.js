/**
 * Web Chat's colours and shapes. Web Chat takes them from JavaScript, not from
 * a style sheet; the names are those of its style options. Each text colour has
 * a contrast of at least 4.5 : 1 on its background.
 */

const FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif";

const SHAPE = {
  primaryFont: FONT,
  rootHeight: '100%',
  rootWidth: '100%',
  bubbleBorderRadius: 14,
  bubbleBorderWidth: 0,
  bubbleFromUserBorderRadius: 14,
  bubbleFromUserBorderWidth: 0,
  bubbleMinWidth: 40,
  paddingWide: 16,
  sendBoxHeight: 52,
  sendBoxButtonShadeBorderRadius: 8,
  sendBoxButtonShadeInset: 6,
  suggestedActionBorderRadius: 20,
  suggestedActionBorderWidth: 1,
  suggestedActionLayout: 'flow',
  hideScrollToEndButton: false
};

const LIGHT = {
  accent: '#0b57d0',
  subtle: '#5a6472',
  backgroundColor: '#ffffff',
  bubbleBackground: '#eef1f6',
  bubbleTextColor: '#16191f',
  bubbleFromUserBackground: '#0b57d0',
  bubbleFromUserTextColor: '#ffffff',
  sendBoxBackground: '#ffffff',
  sendBoxTextColor: '#16191f',
  sendBoxPlaceholderColor: '#5a6472',
  sendBoxBorderTop: 'solid 1px #d9dee7',
  sendBoxButtonColor: '#3c4654',
  cardPushButtonBackgroundColor: '#0b57d0',
  suggestedActionBackgroundColor: '#ffffff',
  suggestedActionTextColor: '#0b57d0',
  suggestedActionBorderColor: '#0b57d0'
};

const DARK = {
  accent: '#a8c7fa',
  subtle: '#aab4c2',
  backgroundColor: '#15181d',
  bubbleBackground: '#262b33',
  bubbleTextColor: '#e9edf3',
  bubbleFromUserBackground: '#264a84',
  bubbleFromUserTextColor: '#ffffff',
  sendBoxBackground: '#15181d',
  sendBoxTextColor: '#e9edf3',
  sendBoxPlaceholderColor: '#aab4c2',
  sendBoxBorderTop: 'solid 1px #363d48',
  sendBoxButtonColor: '#c6cfdb',
  sendBoxButtonShadeColorOnHover: '#262b33',
  sendBoxButtonShadeColorOnActive: '#363d48',
  sendBoxButtonShadeColorOnDisabled: '#15181d',
  sendBoxButtonKeyboardFocusIndicatorBorderColor: '#a8c7fa',
  cardEmphasisBackgroundColor: '#363d48',
  cardPushButtonBackgroundColor: '#a8c7fa',
  cardPushButtonTextColor: '#062e6f',
  suggestedActionBackgroundColor: '#15181d',
  suggestedActionTextColor: '#a8c7fa',
  suggestedActionBorderColor: '#a8c7fa',
  suggestedActionBackgroundColorOnHover: '#262b33',
  suggestedActionBackgroundColorOnActive: '#363d48',
  suggestedActionKeyboardFocusIndicatorBorderColor: '#a8c7fa',
  suggestedActionsVisualKeyboardIndicatorColor: '#a8c7fa',
  transcriptVisualKeyboardIndicatorColor: '#a8c7fa',
  transcriptActivityVisualKeyboardIndicatorColor: '#aab4c2',
  toastSeparatorColor: '#363d48',
  notificationText: '#aab4c2'
};

/** @param {boolean} isDark */
export function styleOptionsFor(isDark) {
  return { ...SHAPE, ...(isDark ? DARK : LIGHT) };
}
