package functionshost

import (
	"slices"
	"strings"
	"testing"
)

func TestRouteTemplates(t *testing.T) {
	for _, test := range []struct {
		template string
		match    []string
		refuse   []string
	}{
		{"Health", []string{"/api/Health", "/API/health/", "/api/he%61lth"}, []string{"/api", "/api/Health/x", "/Health", "/api/Healthy", "/api//Health"}},
		{"/token/{a}/", []string{"/api/token/x", "/api/token/x%2Fy/"}, []string{"/api/token", "/api/token/", "/api/token/x/y", "/api/token//"}},
		{"token/{a?}", []string{"/api/token", "/api/token/", "/api/token/x"}, []string{"/api/token/x/y"}},
		{"t/{a?}/{b?}", []string{"/api/t", "/api/t/x", "/api/t/x/y"}, []string{"/api/t/x/y/z"}},
		{"site/{*path}", []string{"/api/site", "/api/site/", "/api/site/a/b/c", "/api/site/a//b"}, []string{"/api/sites"}},
		{"site/{**path}", []string{"/api/site/a/b"}, nil},
		{"{a}/x", []string{"/api/1/x"}, []string{"/api/x", "/api/1/y"}},
	} {
		parsed, err := parseRoute("api", test.template)
		if err != nil {
			t.Errorf("%s: %v", test.template, err)
			continue
		}
		for paths, want := range map[string]bool{strings.Join(test.match, "\n"): true, strings.Join(test.refuse, "\n"): false} {
			for path := range strings.FieldsSeq(paths) {
				parts, _, err := splitPath(path)
				if err != nil || parsed.matches(parts) != want {
					t.Errorf("%s matches %s: %t %v", test.template, path, !want, err)
				}
			}
		}
	}
	for _, template := range []string{"{a:int}", "{a=1}", "a{b}c", "{a", "a}", "{}", "{*a}/b", "{a?}/b", "a b", "a//b", "a?", "%20", "{*}", "{?}"} {
		if _, err := parseRoute("api", template); err == nil {
			t.Errorf("%s: no error", template)
		}
	}
}

func TestTheMoreSpecificRouteIsTriedFirst(t *testing.T) {
	order := []string{"a/b", "a/{x}", "a/{x?}", "a/{*x}", "{x}/b", "{*x}"}
	shuffled := []string{"{*x}", "{x}/b", "a/{x?}", "a/b", "a/{*x}", "a/{x}"}
	slices.SortStableFunc(shuffled, func(a, b string) int {
		first, _ := parseRoute("", a)
		second, _ := parseRoute("", b)
		switch {
		case first.before(second):
			return -1
		case second.before(first):
			return 1
		}
		return 0
	})
	if !slices.Equal(shuffled, order) {
		t.Errorf("%q, want %q", shuffled, order)
	}
}

func TestRoutesThatCollide(t *testing.T) {
	declare := func(route, methods string) string {
		return strings.Replace(goodHTTP, `"authLevel"`, `"route":"`+route+`",`+methods+`"authLevel"`, 1)
	}
	for name, test := range map[string]struct {
		a, b    string
		collide bool
	}{
		"same":                {declare("x/{a}", ""), declare("X/{b}", ""), true},
		"methods overlap":     {declare("x", `"methods":["get","post"],`), declare("x", `"methods":["POST"],`), true},
		"all and some":        {declare("x", ""), declare("x", `"methods":["POST"],`), true},
		"methods apart":       {declare("x", `"methods":["get"],`), declare("x", `"methods":["POST"],`), false},
		"differently precise": {declare("x/{a}", ""), declare("x/y", ""), false},
	} {
		loaded, err := loadScript(layOut(t, map[string]string{"A/function.json": test.a, "B/function.json": test.b}), nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := newRouter(loaded); (err != nil) != test.collide {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDotSegments(t *testing.T) {
	for path, want := range map[string]string{
		"/a/./b": "/a/b", "/a/../b": "/b", "/../../b": "/b", "/a/%2e%2E/b": "/b", "/a/..%2fb": "/a/..%2Fb", "/": "/", "/a/..": "/",
	} {
		parts, _, err := splitPath(path)
		if got := joinPath(parts); err != nil || got != want {
			t.Errorf("%s: %s %v, want %s", path, got, err, want)
		}
	}
	if _, _, err := splitPath("/%zz"); err == nil {
		t.Error("an escape that is none")
	}
}

// FuzzPath: whatever path comes, no dot segment survives, and what is passed on
// leads to the same place.
func FuzzPath(f *testing.F) {
	for _, path := range []string{"/api/GetNewToken", "/api/site/../../x", "/api/%2e%2e/x", "//", "/%zz", "/..%2f"} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		parts, _, err := splitPath(path)
		if err != nil {
			return
		}
		if slices.Contains(parts, "..") || slices.Contains(parts, ".") {
			t.Errorf("%q leaves %q", path, parts)
		}
		again, dotted, err := splitPath(joinPath(parts))
		if err != nil || dotted {
			t.Errorf("%q was rewritten to %q", path, joinPath(parts))
		}
		// An empty last segment is a trailing slash.
		trimmed := parts
		if n := len(parts); n > 0 && parts[n-1] == "" {
			trimmed = parts[:n-1]
		}
		if len(trimmed) == len(parts) && !slices.Equal(again, parts) {
			t.Errorf("%q: %q became %q", path, parts, again)
		}
	})
}

// FuzzFunctionJSON: no text makes the reader panic or lets a function through
// that has not exactly one trigger.
func FuzzFunctionJSON(f *testing.F) {
	f.Add("Ask", []byte(goodHTTP))
	f.Add("Persist", []byte(goodQueue))
	f.Add("x", []byte(`{"bindings":[null]}`))
	f.Fuzz(func(t *testing.T, name string, text []byte) {
		parsed, _, err := parseFunction(name, text)
		if err == nil && !parsed.trigger.isTrigger() {
			t.Errorf("%q has no trigger", text)
		}
	})
}
