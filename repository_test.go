package main

import (
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// packages lists the folders of this module's packages, tests left out.
func packages(t *testing.T) []string {
	t.Helper()
	output, err := exec.Command("go", "list", "-f", "{{.Dir}}", "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	return strings.Fields(string(output))
}

func TestEveryPackageHasADocComment(t *testing.T) {
	for _, dir := range packages(t) {
		if !hasDocComment(t, dir) {
			t.Errorf("%s has no package comment", dir)
		}
	}
}

func hasDocComment(t *testing.T, dir string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	onlyTests := true
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		onlyTests = false
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.PackageClauseOnly|parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		if parsed.Doc != nil {
			return true
		}
	}
	return onlyTests
}

func TestLicencesOfWhatIsShippedAreListed(t *testing.T) {
	output, err := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}}{{end}}{{end}}", ".").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	shipped := strings.Fields(string(output))
	slices.Sort(shipped)
	text, err := os.ReadFile("docs/licences.md")
	if err != nil {
		t.Fatal(err)
	}
	var listed []string
	for _, row := range regexp.MustCompile(`(?m)^\| (\S+\.\S+) \| \S+ \|$`).FindAllStringSubmatch(string(text), -1) {
		listed = append(listed, row[1])
	}
	slices.Sort(listed)
	if diff := cmp.Diff(slices.Compact(shipped), listed); diff != "" {
		t.Errorf("docs/licences.md (-in the binary +listed):\n%s", diff)
	}
}

// Every `make target` that a document names is there.
func TestDocumentsNameRealTargets(t *testing.T) {
	makefile, err := os.ReadFile("Makefile")
	if err != nil {
		t.Fatal(err)
	}
	documents, err := filepath.Glob("docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	nested, err := filepath.Glob("docs/*/*.md")
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("(?m)(?:^|`)(?:[A-Z]+=\\S+ )*make ([a-z-]+)")
	for _, document := range append(append(documents, nested...), "README.md") {
		text, err := os.ReadFile(document)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range named.FindAllStringSubmatch(string(text), -1) {
			if !regexp.MustCompile(`(?m)^` + match[1] + `:`).Match(makefile) {
				t.Errorf("%s names make %s, which is no target", document, match[1])
			}
		}
	}
}

// Every relative link of a document leads somewhere.
func TestLinksLeadSomewhere(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#:]+)(?:#[^)]*)?\)`)
	err := filepath.WalkDir(".", func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && (entry.Name() == "node_modules" || strings.HasPrefix(entry.Name(), ".") && path != ".") {
			return filepath.SkipDir
		}
		if filepath.Ext(path) != ".md" {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, match := range link.FindAllStringSubmatch(string(text), -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(path), match[1])); err != nil {
				t.Errorf("%s links to %s, which is not there", path, match[1])
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// room is one package, or all below a folder, and its row of the table of rooms.
type room struct {
	path  string
	below bool
	row   int
}

// rooms reads the first column of the table in docs/architecture.md. A name
// without a folder is beside the one before it; … stands for all that is below.
func rooms(t *testing.T) []room {
	t.Helper()
	text, err := os.ReadFile("docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "## Rooms\n")
	table, _, _ = strings.Cut(table, "\n## ")
	var found []room
	for row, line := range regexp.MustCompile("(?m)^\\| (`[^|]+) \\|").FindAllStringSubmatch(table, -1) {
		beside := ""
		for _, name := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(line[1], -1) {
			path, below := strings.CutSuffix(name[1], "/…")
			switch {
			case strings.HasSuffix(path, ".go"):
				path = "chatgate"
			case below || strings.Contains(path, "/"):
				path = "chatgate/" + strings.TrimSuffix(path, "/")
			default:
				path = beside + path
			}
			beside = path[:strings.LastIndex(path, "/")+1]
			found = append(found, room{path: path, below: below, row: row})
		}
	}
	return found
}

// roomOf finds a package's room: its own before that of a folder.
func roomOf(all []room, path string) (found room, ok bool) {
	for _, r := range all {
		if r.path == path && !r.below {
			return r, true
		}
		if r.below && strings.HasPrefix(path, r.path+"/") {
			found, ok = r, true
		}
	}
	return found, ok
}

// The table of docs/architecture.md is a map only as long as it is true: each
// package is on it and imports what stands below it, and nothing that decides
// knows of the handlers.
func TestDependenciesPointDownTheTable(t *testing.T) {
	output, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	all := rooms(t)
	met := map[room]bool{}
	for line := range strings.Lines(string(output)) {
		fields := strings.Fields(line)
		from, ok := roomOf(all, fields[0])
		if !ok {
			t.Errorf("docs/architecture.md has no room for %s", fields[0])
			continue
		}
		met[from] = true
		for _, imported := range fields[1:] {
			if imported != "chatgate" && !strings.HasPrefix(imported, "chatgate/") {
				continue
			}
			if imported == "chatgate/handlers" && fields[0] != "chatgate" {
				t.Errorf("%s imports the handlers", fields[0])
			}
			to, ok := roomOf(all, imported)
			sharesFolder := from.below && from == to
			if ok && to.row <= from.row && !sharesFolder {
				t.Errorf("%s imports %s, which docs/architecture.md has no lower than it", fields[0], imported)
			}
		}
	}
	for _, r := range all {
		if !met[r] {
			t.Errorf("docs/architecture.md has a room for %s, which is not there", r.path)
		}
	}
}
