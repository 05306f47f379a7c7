package invocation

import "fmt"

// TooLargeError says that an envelope exceeds a limit of this package.
type TooLargeError struct {
	// Limit is the most that is accepted, in Unit.
	Limit int64
	// Unit is "bytes" or "messages".
	Unit string
}

// Error names the limit.
func (e *TooLargeError) Error() string {
	return fmt.Sprintf("the envelope has more than %d %s", e.Limit, e.Unit)
}

// MalformedError says that an envelope is not what the host sends for the
// declared binding.
type MalformedError struct {
	// Where names the text that is wrong: the envelope, or the array inside it.
	Where string
	// Offset is how many bytes of that text come before the fault.
	Offset int64
	// Expected is what should have been there.
	Expected string
	// Found is what was there: one byte, or that the text ended or that
	// something is missing.
	Found string
}

// Error says where the fault is, what was expected and what was found.
func (e *MalformedError) Error() string {
	return fmt.Sprintf("%s is malformed at byte %d: expected %s, found %s", e.Where, e.Offset, e.Expected, e.Found)
}
