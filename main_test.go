package main

import (
	"bytes"
	"encoding/json"
	"net"
	"path/filepath"
	"strings"
	"testing"
)

func TestTheLogBeginsWithSettingsThatMayBeMistakes(t *testing.T) {
	// A port that is taken ends the program once all is wired.
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	_, port, err := net.SplitHostPort(taken.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	err = run(t.Context(), []string{
		"AZURE_FUNCTIONS_ENVIRONMENT=Development",
		"FUNCTIONS_CUSTOMHANDLER_PORT=" + port,
		"ConversationStore=file:" + filepath.Join(t.TempDir(), "store.db"),
		"Assistants__demo__DirectLineSecret=canary",
		"Assistants__demo__AllowedOrigins=https://www.bank.example,https://bank.example",
		"Assistants__demo__TrustedOrigins=https://bank.example",
	}, &log)
	if err == nil || !strings.HasPrefix(err.Error(), "opening the port") {
		t.Fatalf("err = %v", err)
	}
	first, _, _ := strings.Cut(log.String(), "\n")
	var line struct{ Level, Setting, What string }
	if err := json.Unmarshal([]byte(first), &line); err != nil || line.Level != "WARN" ||
		line.Setting != "Assistants__demo__TrustedOrigins" || !strings.Contains(line.What, "https://www.bank.example") {
		t.Errorf("the log:\n%s", &log)
	}
	if found := strings.Count(log.String(), "TrustedOrigins"); found != 1 {
		t.Errorf("warned %d times", found)
	}
}
