package filestore_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"chatgate/internal/transcript"
	"chatgate/internal/transcript/filestore"
)

// The test program is its own second process: with these variables it does what
// task says to the file, and nothing else.
const (
	taskVariable = "FILESTORE_TEST_TASK"
	pathVariable = "FILESTORE_TEST_PATH"
)

func TestMain(m *testing.M) {
	task := map[string]func(*filestore.Store) error{"": nil, "answer": answer, "store and die": storeAndDie}[os.Getenv(taskVariable)]
	if task == nil {
		os.Exit(m.Run())
	}
	store, err := filestore.Open(os.Getenv(pathVariable), nil)
	if err == nil {
		err = task(store)
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

// answer reads until it finds the question, while the first process goes on
// storing, and then answers it.
func answer(store *filestore.Store) error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	fmt.Println("reading")
	for {
		said, err := texts(ctx, store)
		if err != nil {
			return err
		}
		if strings.Contains(strings.Join(said, " "), "question") {
			return putAs(ctx, store, "z", "answer")
		}
	}
}

func putAs(ctx context.Context, store *filestore.Store, id, text string) error {
	_, err := store.Put(ctx, []transcript.Record{said(id, text)})
	return err
}

// storeAndDie is killed as soon as Put has returned.
func storeAndDie(store *filestore.Store) error {
	if err := putAs(context.Background(), store, "1", "durable"); err != nil {
		return err
	}
	return syscall.Kill(os.Getpid(), syscall.SIGKILL)
}

func secondProcess(t *testing.T, task, path string) *exec.Cmd {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	process := exec.CommandContext(t.Context(), program)
	process.Env = append(os.Environ(), taskVariable+"="+task, pathVariable+"="+path)
	return process
}

func TestASecondProcessReadsAndWritesMeanwhile(t *testing.T) {
	path := newPath(t)
	store := open(t, path)
	process := secondProcess(t, "answer", path)
	output, err := process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(output)
	if !lines.Scan() || lines.Text() != "reading" {
		t.Fatalf("the second process says %q", lines.Text())
	}
	for i := range 20 {
		put(t, store, said(strconv.Itoa(i), fmt.Sprint("word ", i)))
	}
	put(t, store, said("y", "the question"))
	var said []string
	for lines.Scan() {
		said = append(said, lines.Text())
	}
	if err := process.Wait(); err != nil {
		t.Fatalf("the second process failed: %v: %s", err, said)
	}
	got, err := texts(t.Context(), store)
	if err != nil || len(got) != 22 || got[21] != "answer" {
		t.Errorf("%d activities, %v: %q", len(got), err, got)
	}
}

func TestWhatPutReturnedForSurvivesAKill(t *testing.T) {
	path := newPath(t)
	err := secondProcess(t, "store and die", path).Run()
	if err == nil || !strings.Contains(err.Error(), "killed") {
		t.Fatalf("the second process ended with %v", err)
	}
	wantTexts(t, open(t, path), "durable")
}
