package attemptstest_test

import (
	"testing"

	"chatgate/internal/login"
	"chatgate/internal/login/attemptstest"
)

func TestMemory(t *testing.T) {
	memory := attemptstest.NewMemory()
	attemptstest.Run(t, func(*testing.T) login.Attempts { return memory })
}
