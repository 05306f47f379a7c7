package tables

import (
	"errors"
	"strings"
)

// emulatorConnection is what UseDevelopmentStorage=true stands for: the
// emulator's one account, whose key is public
// (https://learn.microsoft.com/azure/storage/common/storage-connect-azurite).
const emulatorConnection = "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;" +
	"AccountKey=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==;" +
	"TableEndpoint=http://127.0.0.1:10002/devstoreaccount1;"

var errConnection = errors.New("the storage connection string is malformed: " +
	"it needs AccountName and AccountKey, or UseDevelopmentStorage=true")

// explicit returns a connection string that aztables reads. It knows neither the
// short form for the emulator nor spaces and line ends around the parts, which
// people paste; and it takes an empty key for a key.
func explicit(connection string) (string, error) {
	parts := strings.Split(connection, ";")
	kept := parts[:0]
	for _, part := range parts {
		part = strings.TrimSpace(part)
		name, value, found := strings.Cut(part, "=")
		switch {
		case part == "":
			continue
		case !found || value == "":
			return "", errConnection
		case strings.EqualFold(name, "UseDevelopmentStorage"):
			return emulator(value)
		}
		kept = append(kept, part)
	}
	return strings.Join(kept, ";"), nil
}

func emulator(use string) (string, error) {
	if !strings.EqualFold(use, "true") {
		return "", errConnection
	}
	return emulatorConnection, nil
}
