package system_test

import (
	"bytes"
	"debug/buildinfo"
	"debug/elf"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The host lists the direct children of the script root only, and the upload
// makes only the file that host.json names executable.
func TestTheFolderHoldsWhatTheHostReadsAndNothingElse(t *testing.T) {
	want := []string{"handler", "host.json"}
	functions, err := filepath.Glob(filepath.Join(root, "functions", "*", "function.json"))
	if err != nil || len(functions) == 0 {
		t.Fatalf("no functions: %v", err)
	}
	for _, path := range functions {
		want = append(want, filepath.Base(filepath.Dir(path))+"/function.json")
	}
	var got []string
	err = fs.WalkDir(os.DirFS(shared.dist), ".", func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			got = append(got, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +dist):\n%s", diff)
	}
	for _, file := range want {
		source := filepath.Join(root, "functions", file)
		switch file {
		case "handler":
			continue
		case "host.json":
			source = filepath.Join(root, file)
		}
		compareFiles(t, source, filepath.Join(shared.dist, file))
	}
}

func compareFiles(t *testing.T, first, second string) {
	t.Helper()
	a, err := os.ReadFile(first)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(second)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a, b) {
		t.Errorf("%s is not %s", second, first)
	}
}

// A stand-in accepts everybody, so none may be in what is deployed; neither may
// what tests are made with. Asked are the sources and the binary itself.
func TestTheBinaryContainsNoStandInAndNoTestCode(t *testing.T) {
	forbidden := []string{
		"chatgate/internal/standin", "chatgate/cmd/", "chatgate/internal/transcript/storetest", "chatgate/e2e",
		"go.uber.org/goleak", "pgregory.net/rapid", "github.com/google/go-cmp", "azcore/fake", "azsecrets/fake", "azidentity/cache",
		"github.com/coder/websocket", "net/http/httptest", "testing/synctest",
	}
	list := exec.CommandContext(t.Context(), "go", "list", "-deps", ".")
	list.Dir = root
	output, err := list.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	packages := strings.Fields(string(output))
	if !slices.Contains(packages, "chatgate/handlers") {
		t.Fatal("go list does not know the handlers")
	}
	for _, name := range packages {
		for _, part := range forbidden {
			if strings.Contains(name, part) || name == "testing" {
				t.Errorf("the handler is built with %s", name)
			}
		}
	}
	binary, err := os.ReadFile(filepath.Join(shared.dist, "handler"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(binary, []byte("chatgate/handlers.")) {
		t.Error("the binary names none of its packages, so that this proves nothing")
	}
	for _, part := range forbidden {
		if bytes.Contains(binary, []byte(part+"/")) || bytes.Contains(binary, []byte(part+".")) {
			t.Errorf("the binary contains %s", part)
		}
	}
}

func TestTheBinaryIsStaticAndStripped(t *testing.T) {
	path := filepath.Join(shared.dist, "handler")
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("handler: %.2f MB", float64(info.Size())/1e6)
	if info.Mode()&0o111 == 0 {
		t.Errorf("mode %s: it cannot be run", info.Mode())
	}
	file, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, program := range file.Progs {
		if program.Type == elf.PT_INTERP || program.Type == elf.PT_DYNAMIC {
			t.Errorf("it is linked dynamically: %s", program.Type)
		}
	}
	for _, section := range file.Sections {
		if section.Name == ".symtab" || strings.HasPrefix(section.Name, ".debug_") || strings.HasPrefix(section.Name, ".zdebug_") {
			t.Errorf("it is not stripped: section %s", section.Name)
		}
	}
	build, err := buildinfo.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if at := slices.IndexFunc(build.Settings, func(s debug.BuildSetting) bool { return s.Key == "-trimpath" }); at < 0 {
		t.Error("it was built without -trimpath: it names folders of the machine that built it")
	}
}
