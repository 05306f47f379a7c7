package functionshost

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// endpoint is a function that HTTP requests reach.
type endpoint struct {
	function *function
	route    route
	methods  []string // in upper case; nil: all
}

// router finds the function that a request is for.
type router struct {
	prefix    []string
	endpoints []endpoint
}

func newRouter(loaded *script) (*router, error) {
	table := &router{}
	if loaded.host.routePrefix != "" {
		table.prefix = strings.Split(strings.ToLower(loaded.host.routePrefix), "/")
	}
	var problems []error
	for i := range loaded.functions {
		f := &loaded.functions[i]
		if f.trigger.Type != typeHTTPTrigger {
			continue
		}
		if err := table.add(loaded.host.routePrefix, f); err != nil {
			problems = append(problems, fmt.Errorf("function %s: %w", f.name, err))
		}
	}
	slices.SortStableFunc(table.endpoints, func(a, b endpoint) int {
		switch {
		case a.route.before(b.route):
			return -1
		case b.route.before(a.route):
			return 1
		}
		return 0
	})
	return table, errors.Join(problems...)
}

func (t *router) add(prefix string, f *function) error {
	template := f.name
	if f.trigger.Route != nil && *f.trigger.Route != "" {
		template = *f.trigger.Route
	}
	parsed, err := parseRoute(prefix, template)
	if err != nil {
		return err
	}
	added := endpoint{function: f, route: parsed}
	if f.trigger.Methods != nil {
		for _, method := range *f.trigger.Methods {
			added.methods = append(added.methods, strings.ToUpper(method))
		}
	}
	for _, other := range t.endpoints {
		if other.route.shape() == parsed.shape() && overlap(other.methods, added.methods) {
			return fmt.Errorf("its route is that of function %s", other.function.name)
		}
	}
	t.endpoints = append(t.endpoints, added)
	return nil
}

// overlap reports whether two lists of methods share one; nil is all.
func overlap(a, b []string) bool {
	if a == nil || b == nil {
		return true
	}
	return slices.ContainsFunc(a, func(method string) bool { return slices.Contains(b, method) })
}

// find returns the function that a request is for, or nil. A method that is not
// listed is no match, as in the host: the answer is 404, not 405.
func (t *router) find(method string, path []string) *function {
	for _, candidate := range t.endpoints {
		if candidate.route.matches(path) && (candidate.methods == nil || slices.Contains(candidate.methods, method)) {
			return candidate.function
		}
	}
	return nil
}

// owns reports whether a path lies below the route prefix, where nobody but
// functions answers. Without a prefix no path does for certain.
func (t *router) owns(path []string) bool {
	if len(t.prefix) == 0 || len(path) < len(t.prefix) {
		return false
	}
	return slices.EqualFunc(t.prefix, path[:len(t.prefix)], strings.EqualFold)
}

// isAdmin reports whether a path belongs to the host's own management API, where
// no function answers.
func isAdmin(path []string) bool {
	return len(path) > 0 && strings.EqualFold(path[0], "admin")
}

// notFound is the host's answer for a path that no function has.
func notFound(w http.ResponseWriter) {
	w.WriteHeader(http.StatusNotFound)
}
