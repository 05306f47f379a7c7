package main

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// row is one figure and what it stands beside.
type row struct {
	what   string
	figure float64
	unit   string
	target target
	beside string
}

// target is what a figure should be. The zero value asks nothing.
type target struct {
	value   float64
	atLeast bool
}

func atMost(value float64) target {
	return target{value: value}
}

func atLeast(value float64) target {
	return target{value: value, atLeast: true}
}

// describe says what is asked, and whether figure is that.
func (t target) describe(figure float64) string {
	if t.value == 0 {
		return ""
	}
	sign, met := "≤", figure <= t.value
	if t.atLeast {
		sign, met = "≥", figure >= t.value
	}
	verdict := "met"
	if !met {
		verdict = "missed"
	}
	return fmt.Sprintf("%s %v, %s", sign, t.value, verdict)
}

// table collects rows and prints them in Markdown.
type table struct {
	rows []row
}

func (t *table) add(r row) {
	t.rows = append(t.rows, r)
}

// String is the table, with the state of the machine above it.
func (t *table) String() string {
	var text strings.Builder
	fmt.Fprintf(&text, "%s, %d processors, %s, %s/%s, load average %s\n\n",
		time.Now().UTC().Format(time.DateOnly), runtime.NumCPU(), runtime.Version(), runtime.GOOS, runtime.GOARCH, loadAverage())
	text.WriteString("| what | figure | unit | target | beside |\n|---|---:|---|---|---|\n")
	for _, r := range t.rows {
		fmt.Fprintf(&text, "| %s | %s | %s | %s | %s |\n", r.what, digits(r.figure), r.unit, r.target.describe(r.figure), r.beside)
	}
	return text.String()
}

// digits writes a figure with the digits that a measurement can stand for.
func digits(figure float64) string {
	switch {
	case figure >= 100:
		return fmt.Sprintf("%.0f", figure)
	case figure >= 10:
		return fmt.Sprintf("%.1f", figure)
	default:
		return fmt.Sprintf("%.2f", figure)
	}
}

// loadAverage is how many processes wanted to run in the last minute.
func loadAverage() string {
	content, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	minute, _, _ := strings.Cut(string(content), " ")
	return minute
}

func median(values []float64) float64 {
	return quantile(values, 0.5)
}

// quantile is the value below which a share of values lies; 0 of none.
func quantile(values []float64, share float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[min(len(sorted)-1, int(share*float64(len(sorted))))]
}

func milliseconds(d time.Duration) float64 {
	return float64(d.Nanoseconds()) / 1e6
}
