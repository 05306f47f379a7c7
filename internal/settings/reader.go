package settings

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// InvalidError is every problem of the settings together.
type InvalidError struct {
	// Problems are in the order of the settings' names.
	Problems []Problem
}

// Problem is what is wrong with one setting.
type Problem struct {
	Setting string
	What    string
}

// Error names each setting and says how to mend it. It holds no secret.
func (e *InvalidError) Error() string {
	var text strings.Builder
	text.WriteString("These app settings must be mended:")
	for _, problem := range e.Problems {
		fmt.Fprintf(&text, "\n  %s %s", problem.Setting, problem.What)
	}
	return text.String()
}

// reader looks settings up and collects what is wrong with them.
type reader struct {
	values      map[string]setting // by lower-case name
	asked       map[string]string  // names as the contract spells them, by lower-case name
	problems    []Problem
	development bool
}

type setting struct {
	name  string
	value string
}

func newReader(environ []string) *reader {
	r := &reader{values: map[string]setting{}, asked: map[string]string{}}
	for _, entry := range environ {
		name, value, ok := strings.Cut(entry, "=")
		value = strings.TrimSpace(value)
		if !ok || value == "" {
			continue
		}
		key := strings.ToLower(name)
		if other, twice := r.values[key]; twice && other.value != value && other.name != name {
			r.complain(name, "has another value than "+other.name+", which is the same setting; remove one")
		}
		r.values[key] = setting{name: name, value: value}
	}
	return r
}

func (r *reader) complain(name, what string) {
	r.problems = append(r.problems, Problem{Setting: name, What: what})
}

func (r *reader) invalid() error {
	if len(r.problems) == 0 {
		return nil
	}
	sortProblems(r.problems)
	return &InvalidError{Problems: r.problems}
}

func (r *reader) has(name string) bool {
	_, ok := r.values[strings.ToLower(name)]
	return ok
}

func (r *reader) text(name, fallback string) string {
	key := strings.ToLower(name)
	r.asked[key] = name
	if found, ok := r.values[key]; ok {
		return found.value
	}
	return fallback
}

// developmentOnly is text that other environments must not have.
func (r *reader) developmentOnly(name string) string {
	value := r.text(name, "")
	if value != "" && !r.development {
		r.complain(name, "is allowed only where AZURE_FUNCTIONS_ENVIRONMENT is Development; remove it")
		return ""
	}
	return value
}

// parsed is a setting in its type; what parse refuses is complained of, and the
// zero value stands in so that the rest can still be checked.
func parsed[T any](r *reader, name, fallback string, parse func(string) (T, error)) T {
	var zero T
	text := r.text(name, fallback)
	if text == "" {
		return zero
	}
	value, err := parse(text)
	if err != nil {
		r.complain(name, err.Error())
		return zero
	}
	return value
}

// assistants lists the distinct middle parts of the names Assistants__<id>__rest,
// as they are spelled. Of several spellings of one it is the same at each start.
func (r *reader) assistants() []string {
	var found []string
	for lower, entry := range r.values {
		if !strings.HasPrefix(lower, strings.ToLower(assistantsPrefix)) {
			continue
		}
		id, _, _ := strings.Cut(entry.name[len(assistantsPrefix):], "__")
		found = append(found, id)
	}
	slices.SortFunc(found, func(a, b string) int {
		return cmp.Or(strings.Compare(strings.ToLower(a), strings.ToLower(b)), strings.Compare(a, b))
	})
	return slices.CompactFunc(found, strings.EqualFold)
}
