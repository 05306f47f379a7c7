package system_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// root is the project's folder.
const root = "../.."

// shared is what the tests of a run have in common because it takes long to
// make. Each test has stand-ins, tables and handlers of its own.
var shared struct {
	// dist is a copy of the packaged app, so that a build meanwhile disturbs
	// nobody.
	dist string
	// tables is Azurite, started when the first test asks for it.
	tables tableService
	// signingKey signs Direct Line's tokens.
	signingKey func() *rsa.PrivateKey
}

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	folder, err := os.MkdirTemp("", "chatgate-system-")
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	if err := packageApp(); err != nil {
		return 1, err
	}
	shared.dist = filepath.Join(folder, "dist")
	if err := os.CopyFS(shared.dist, os.DirFS(filepath.Join(root, "dist"))); err != nil {
		return 1, fmt.Errorf("copying dist/: %w", err)
	}
	shared.signingKey = sync.OnceValue(newSigningKey)
	if err := allowWaiting(); err != nil {
		return 1, err
	}
	code = m.Run()
	if err := shared.tables.close(); err != nil {
		return 1, fmt.Errorf("stopping azurite: %w", err)
	}
	if code == 0 {
		err = goleak.Find()
	}
	return code, err
}

// together is how many tests run at once. Most of them wait for time-outs of the
// contract and compute little, so it is more than there are processors.
const together = 8

func allowWaiting() error {
	flag.Parse()
	if parallel, ok := flag.Lookup("test.parallel").Value.(flag.Getter).Get().(int); ok && parallel >= together {
		return nil
	}
	return flag.Set("test.parallel", strconv.Itoa(together))
}

func newSigningKey() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err) // only without randomness
	}
	return key
}

// packageApp builds dist/ unless it is newer than all that it is made of.
func packageApp() error {
	built, err := os.Stat(filepath.Join(root, "dist", "handler"))
	if err == nil {
		newest, err := newestSource()
		if err != nil {
			return fmt.Errorf("looking for changes since the last build: %w", err)
		}
		if built.ModTime().After(newest) {
			return nil
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	output, err := exec.CommandContext(ctx, "make", "--no-print-directory", "-C", root, "package").CombinedOutput()
	if err != nil {
		return fmt.Errorf("make package: %w\n%s", err, output)
	}
	return nil
}

// newestSource is when the newest file that dist/ is made of was changed.
func newestSource() (newest time.Time, err error) {
	err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		if entry.IsDir() {
			if isNoSource(path, name) {
				return fs.SkipDir
			}
			return nil
		}
		if strings.HasSuffix(name, "_test.go") || filepath.Ext(name) == ".md" {
			return nil
		}
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil // an editor's file, gone again
		}
		if err == nil && info.ModTime().After(newest) {
			newest = info.ModTime()
		}
		return err
	})
	return newest, err
}

func isNoSource(path, name string) bool {
	hidden := strings.HasPrefix(name, ".") && path != root
	switch name {
	case "dist", "e2e", "docs", "scripts", "artifacts", "cmd", "standin", "testdata", "node_modules", "infra":
		return true
	}
	return hidden
}
