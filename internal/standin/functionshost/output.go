package functionshost

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"strings"
	"sync"
)

// maxLine is the longest line of output that is kept whole.
const maxLine = 1 << 20

// keptErrors is how many lines of stderr are kept to explain an exit, as in the
// host.
const keptErrors = 3

// output takes what the handler prints.
type output struct {
	logger *slog.Logger

	mu     sync.Mutex
	errors []string
}

// readStdout logs each line as Information.
func (o *output) readStdout(from io.Reader) {
	eachLine(from, func(line string) { o.log(slog.LevelInfo, "stdout", line) })
}

// readStderr logs each line as Error, or as Warning where it holds "warn". Lines
// of errors are kept.
func (o *output) readStderr(from io.Reader) {
	eachLine(from, func(line string) {
		if strings.Contains(strings.ToLower(line), "warn") {
			o.log(slog.LevelWarn, "stderr", line)
			return
		}
		o.log(slog.LevelError, "stderr", line)
		o.mu.Lock()
		defer o.mu.Unlock()
		o.errors = append(o.errors, line)
		o.errors = o.errors[max(0, len(o.errors)-keptErrors):]
	})
}

func (o *output) log(level slog.Level, source, line string) {
	o.logger.Log(context.Background(), level, line, "source", source)
}

// takeErrors returns the last lines of stderr and forgets them.
func (o *output) takeErrors() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	lines := o.errors
	o.errors = nil
	return strings.Join(lines, "\n")
}

// eachLine calls do with each line until the end; a longer line than is kept
// comes in pieces.
func eachLine(from io.Reader, do func(string)) {
	reader := bufio.NewReaderSize(from, maxLine)
	for {
		line, err := reader.ReadSlice('\n')
		if text := strings.TrimRight(string(line), "\r\n"); text != "" {
			do(text)
		}
		if err != nil && err != bufio.ErrBufferFull { //nolint:errorlint // ReadSlice returns it bare
			return
		}
	}
}
