package infra

import (
	"archive/zip"
	"debug/elf"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// packaged runs make package on a copy of the sources, so that tests of other
// packages which use dist/ meanwhile are not disturbed, and returns its dist/.
func packaged(t *testing.T) string {
	t.Helper()
	copied := t.TempDir()
	for _, folder := range []string{"functions", "handlers", "internal", "scripts", "web"} {
		if err := os.CopyFS(filepath.Join(copied, folder), os.DirFS(filepath.Join(root, folder))); err != nil {
			t.Fatal(err)
		}
	}
	// What make package fetches comes from the cache, where there is one.
	_ = os.CopyFS(filepath.Join(copied, ".cache", "msal"), os.DirFS(filepath.Join(root, ".cache", "msal")))
	files, err := filepath.Glob(filepath.Join(root, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(files, "go.mod", "go.sum", "host.json", "Makefile") {
		text := read(t, filepath.Base(name))
		if err := os.WriteFile(filepath.Join(copied, filepath.Base(name)), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	command := exec.Command("make", "--no-print-directory", "-C", copied, "package")
	command.Env = append(os.Environ(), "GOARCH=", "GOOS=")
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("make package: %v\n%s", err, output)
	}
	return filepath.Join(copied, "dist")
}

// The host reads only direct children of the script root, and starts the file
// whose name is defaultExecutablePath; func gives the exec bit to the zip entry
// that is string-equal to it (functions-host: Discovery and packaging).
func TestPackageIsWhatTheHostExpects(t *testing.T) {
	dist := packaged(t)
	host := readJSON[struct {
		Version       string `json:"version"`
		CustomHandler struct {
			Description struct {
				DefaultExecutablePath string `json:"defaultExecutablePath"`
			} `json:"description"`
		} `json:"customHandler"`
	}](t, filepath.Join(dist, "host.json"))
	if host.Version != "2.0" {
		t.Errorf("host.json has version %q", host.Version)
	}
	executable := host.CustomHandler.Description.DefaultExecutablePath

	want := []string{executable, "host.json"}
	for name := range functions(t) {
		want = append(want, name+"/function.json")
	}
	if diff := cmp.Diff(sorted(want), sorted(filesIn(t, dist))); diff != "" {
		t.Errorf("dist/ (-want +got):\n%s", diff)
	}
	for name := range functions(t) {
		if !regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_-]{0,127}$`).MatchString(name) {
			t.Errorf("the host does not accept the function name %q", name)
		}
	}
	t.Run("executable", func(t *testing.T) { checkExecutable(t, filepath.Join(dist, executable)) })
	t.Run("zip of azd", func(t *testing.T) { checkZip(t, zipLikeAzd(t, dist), want, executable) })
	t.Run("zip of the workflow", func(t *testing.T) { checkZip(t, zipLikeWorkflow(t, dist), want, executable) })
}

// Azure runs linux/amd64 and has no libraries of ours.
func checkExecutable(t *testing.T, path string) {
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm()&0o111 != 0o111 {
		t.Errorf("the handler's mode is %v; the host could not start it", info.Mode())
	}
	binary, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer binary.Close()
	if binary.Machine != elf.EM_X86_64 {
		t.Errorf("the handler is built for %v", binary.Machine)
	}
	for _, program := range binary.Progs {
		if program.Type == elf.PT_INTERP {
			t.Error("the handler is linked dynamically")
		}
	}
	if binary.Section(".symtab") != nil {
		t.Error("the handler is not stripped")
	}
}

// zipLikeAzd keeps Unix modes, as azd does.
func zipLikeAzd(t *testing.T, dist string) string {
	path := filepath.Join(t.TempDir(), "azd.zip")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	archive := zip.NewWriter(file)
	if err := archive.AddFS(os.DirFS(dist)); err != nil {
		t.Fatal(err)
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// zipLikeWorkflow runs the command of deploy.yml.
func zipLikeWorkflow(t *testing.T, dist string) string {
	command := regexp.MustCompile(`(?m)run: (cd dist && zip .*)$`).FindStringSubmatch(read(t, ".github", "workflows", "deploy.yml"))
	if command == nil {
		t.Fatal("deploy.yml makes no zip of dist/, and artifacts lose the exec bit")
	}
	if _, err := exec.LookPath("zip"); err != nil {
		t.Skip("no zip command on the PATH: deploy.yml's zip is not made")
	}
	shell := exec.Command("sh", "-e", "-c", command[1])
	shell.Dir = filepath.Dir(dist)
	if output, err := shell.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", command[1], err, output)
	}
	return filepath.Join(filepath.Dir(dist), "chatgate.zip")
}

func checkZip(t *testing.T, path string, want []string, executable string) {
	archive, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	var names []string
	for _, entry := range archive.File {
		if strings.HasSuffix(entry.Name, "/") {
			continue
		}
		names = append(names, entry.Name)
		if entry.Name == executable && entry.Mode().Perm()&0o111 != 0o111 {
			t.Errorf("the zip gives %s the mode %v; the host could not start it", entry.Name, entry.Mode())
		}
	}
	if diff := cmp.Diff(sorted(want), sorted(names)); diff != "" {
		t.Errorf("the zip (-want +got):\n%s", diff)
	}
}

func filesIn(t *testing.T, folder string) []string {
	var names []string
	err := fs.WalkDir(os.DirFS(folder), ".", func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			names = append(names, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}
