package functionshost

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
)

// segmentKind says how specific a segment of a route is; the higher, the less.
type segmentKind int

const (
	literal segmentKind = iota
	parameter
	optional
	catchAll
)

// segment is one part of a route between slashes.
type segment struct {
	kind segmentKind
	text string // of a literal, in lower case; of others the parameter's name
}

// route is a route template of ASP.NET Core, as far as the stand-in knows them:
// literals, {name}, {name?} and {*name}.
type route []segment

// parseRoute reads the template of a function below the route prefix.
func parseRoute(prefix, template string) (route, error) {
	template = strings.Trim(template, "/")
	if prefix != "" {
		template = strings.Trim(prefix+"/"+template, "/")
	}
	if template == "" {
		return route{}, nil
	}
	var parsed route
	for text := range strings.SplitSeq(template, "/") {
		part, err := parseSegment(text)
		if err != nil {
			return nil, fmt.Errorf("route %q: %w", template, err)
		}
		if len(parsed) > 0 {
			last := parsed[len(parsed)-1].kind
			if last == catchAll || (last == optional && part.kind != optional) {
				return nil, fmt.Errorf("route %q: {name?} and {*name} must come last", template)
			}
		}
		parsed = append(parsed, part)
	}
	return parsed, nil
}

// parameterPattern leaves out constraints and defaults, {name:int} and
// {name=value}.
var parameterPattern = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_-]*$`)

func parseSegment(text string) (segment, error) {
	name, isParameter := strings.CutPrefix(text, "{")
	if !isParameter {
		if text == "" || strings.ContainsAny(text, "{}?*% ") {
			return segment{}, fmt.Errorf("%q is neither a plain segment nor a parameter", text)
		}
		return segment{kind: literal, text: strings.ToLower(text)}, nil
	}
	name, closed := strings.CutSuffix(name, "}")
	part := segment{kind: parameter, text: name}
	if rest, ok := strings.CutPrefix(name, "*"); ok {
		part = segment{kind: catchAll, text: strings.TrimPrefix(rest, "*")}
	} else if rest, ok := strings.CutSuffix(name, "?"); ok {
		part = segment{kind: optional, text: rest}
	}
	if !closed || !parameterPattern.MatchString(part.text) {
		return segment{}, fmt.Errorf("%q is not a parameter that this stand-in offers", text)
	}
	return part, nil
}

// splitPath splits a path as written into decoded segments, after resolving dot
// segments as the host's web server does (RFC 3986, section 5.2.4); dotted
// reports whether there were any. A trailing slash does not count; an escaped
// slash stays part of its segment.
func splitPath(escaped string) (parts []string, dotted bool, err error) {
	trimmed := strings.TrimSuffix(strings.TrimPrefix(escaped, "/"), "/")
	if trimmed == "" {
		return nil, false, nil
	}
	for raw := range strings.SplitSeq(trimmed, "/") {
		part, err := url.PathUnescape(raw)
		if err != nil {
			return nil, false, fmt.Errorf("reading the path: %w", err)
		}
		switch part {
		case ".":
			dotted = true
		case "..":
			dotted = true
			parts = parts[:max(len(parts)-1, 0)]
		default:
			parts = append(parts, part)
		}
	}
	return parts, dotted, nil
}

// joinPath writes segments as a path.
func joinPath(parts []string) string {
	var path strings.Builder
	for _, part := range parts {
		path.WriteByte('/')
		path.WriteString(url.PathEscape(part))
	}
	if path.Len() == 0 {
		return "/"
	}
	return path.String()
}

// matches reports whether the path's segments fit the route. Literals are
// compared ignoring case; a parameter takes any text but none.
func (r route) matches(path []string) bool {
	for i, part := range r {
		if part.kind == catchAll {
			return true
		}
		if i >= len(path) {
			return part.kind == optional
		}
		if path[i] == "" || (part.kind == literal && !strings.EqualFold(path[i], part.text)) {
			return false
		}
	}
	return len(path) <= len(r)
}

// before reports whether r is tried before other: the more specific one first.
func (r route) before(other route) bool {
	for i := range min(len(r), len(other)) {
		if r[i].kind != other[i].kind {
			return r[i].kind < other[i].kind
		}
	}
	return len(r) > len(other)
}

// shape is the same for routes that match the same paths.
func (r route) shape() string {
	var shape strings.Builder
	for _, part := range r {
		shape.WriteByte('/')
		switch part.kind {
		case literal:
			shape.WriteString(part.text)
		case parameter:
			shape.WriteByte('+')
		case optional:
			shape.WriteByte('?')
		case catchAll:
			shape.WriteByte('*')
		}
	}
	return shape.String()
}
