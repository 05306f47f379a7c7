package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
)

// codeRounds is how often each of Go's own benchmarks runs.
const codeRounds = 3

// measureCode runs the benchmarks of what happens to a batch before it is stored.
func (b *bench) measureCode(ctx context.Context) error {
	for _, part := range []struct{ folder, benchmarks string }{
		{"./internal/invocation", "^BenchmarkDecodeMessages$/^(1000x1KiB|100x256KiB)$"},
		{"./internal/transcript", "^Benchmark(Records|LargeActivity|Summarize)$"},
	} {
		command := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", part.benchmarks, //nolint:gosec // constants
			"-benchmem", "-benchtime", "0.5s", "-count", strconv.Itoa(codeRounds), part.folder)
		output, err := command.Output()
		if err != nil {
			return fmt.Errorf("running the benchmarks of %s: %w", part.folder, err)
		}
		b.addCode(strings.TrimPrefix(part.folder, "./"), output)
	}
	return nil
}

// addCode adds a row for each benchmark in what go test has printed.
func (b *bench) addCode(folder string, output []byte) {
	var names []string
	runs := map[string][]map[string]float64{}
	for scanner := bufio.NewScanner(bytes.NewReader(output)); scanner.Scan(); {
		name, figures := parseBenchmark(scanner.Text())
		if figures == nil {
			continue
		}
		if runs[name] == nil {
			names = append(names, name)
		}
		runs[name] = append(runs[name], figures)
	}
	for _, name := range names {
		of := func(unit string) float64 { return medianOf(runs[name], unit) }
		beside := fmt.Sprintf("%s KiB in %.0f allocations", digits(of("B/op")/1024), of("allocs/op"))
		if speed := of("MB/s"); speed > 0 {
			beside = fmt.Sprintf("%s MB/s, %s", digits(speed), beside)
		}
		b.table.add(row{folder + " " + name, of("ns/op") / 1e6, "ms", target{}, beside})
	}
}

// parseBenchmark reads a line such as "BenchmarkX-2  100  12 ns/op  3 B/op". Of
// any other line it returns no figures.
func parseBenchmark(line string) (name string, figures map[string]float64) {
	fields := strings.Fields(line)
	if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
		return "", nil
	}
	figures = map[string]float64{}
	for i := 2; i+1 < len(fields); i += 2 {
		figure, err := strconv.ParseFloat(fields[i], 64)
		if err != nil {
			return "", nil
		}
		figures[fields[i+1]] = figure
	}
	name = strings.TrimPrefix(fields[0], "Benchmark")
	if cut := strings.LastIndexByte(name, '-'); cut > 0 { // the number of processors
		name = name[:cut]
	}
	return name, figures
}

func medianOf(runs []map[string]float64, unit string) float64 {
	values := make([]float64, len(runs))
	for i, run := range runs {
		values[i] = run[unit]
	}
	return median(values)
}
