package settings

import (
	"slices"
	"strings"
)

// Warnings are about settings that the app can run with and that are probably
// mistakes. Whether they are, only an operator can tell.
func (s *Settings) Warnings() []Problem {
	warnings := slices.Clone(s.misspelt)
	for i := range s.Assistants {
		assistant := &s.Assistants[i]
		if left := assistant.untrusted(); len(left) > 0 {
			warnings = append(warnings, Problem{
				Setting: prefixOf(assistant.ID) + "TrustedOrigins",
				What: "leaves out " + strings.Join(left, ", ") + " of AllowedOrigins; users who sign in to the bot on a page there must copy a code into the chat; " +
					"add what is left out, or remove the setting to trust all allowed origins",
			})
		}
	}
	return warnings
}

// untrusted are the allowed origins that Direct Line does not tie a sign-in to.
func (a *Assistant) untrusted() []string {
	return slices.DeleteFunc(slices.Clone(a.AllowedOrigins), func(origin string) bool {
		return slices.Contains(a.TrustedOrigins, origin)
	})
}
