// Package secretly handles what must leave no trace in the process's memory: the
// tokens of a client's own system.
//
// Everything that touches such a token runs inside [Do], on one goroutine. Where
// the program was built with GOEXPERIMENT=runtimesecret, on linux/amd64 or
// linux/arm64 (make package does), Go then erases the registers and the stack
// that were used, and each allocation as soon as the garbage collector finds that
// nothing refers to it any more (https://pkg.go.dev/runtime/secret). In any other
// build Do only calls its function, and [Erases] tells so.
//
// Memory that another goroutine allocates is not erased. net/http's transport
// reads and writes on goroutines of its own and keeps their buffers for the next
// call; [Transport] therefore does the whole exchange on the goroutine of its
// caller.
package secretly
