package settings

import (
	"slices"
	"strings"
)

// misspelt finds what stands in the environment as if it were a setting and is
// read by nobody. Much else stands there, so that outside Assistants__ only what
// is one slip of the keyboard away from a setting counts. It is to be called when
// all has been read: a setting is what the reader was asked for.
func (r *reader) misspelt() []Problem {
	var found []Problem
	for lower, entry := range r.values {
		if _, isSetting := r.asked[lower]; isSetting {
			continue
		}
		near := r.nearest(lower)
		switch {
		case near != "":
			found = append(found, Problem{entry.name, "is no setting of this app; did you mean " + near + "?"})
		case strings.HasPrefix(lower, strings.ToLower(assistantsPrefix)):
			found = append(found, Problem{entry.name, "is no setting of an assistant; docs/reference/settings.md lists those there are"})
		}
	}
	sortProblems(found)
	return found
}

// nearest is the setting that lower is one slip away from; "" where there is none.
func (r *reader) nearest(lower string) string {
	var near []string
	for key, name := range r.asked {
		if oneSlip(lower, key) {
			near = append(near, name)
		}
	}
	if len(near) == 0 {
		return ""
	}
	return slices.Min(near) // the same at each start
}

// oneSlip tells whether one character more, less or in place of another, or two
// that changed places, make b of a.
func oneSlip(a, b string) bool {
	for a != "" && b != "" && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	for a != "" && b != "" && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	swapped := len(a) == 2 && len(b) == 2 && a[0] == b[1] && a[1] == b[0]
	return max(len(a), len(b)) == 1 || swapped
}

// sortProblems puts them in the order in which people look settings up.
func sortProblems(problems []Problem) {
	slices.SortStableFunc(problems, func(a, b Problem) int {
		return strings.Compare(strings.ToLower(a.Setting), strings.ToLower(b.Setting))
	})
}
