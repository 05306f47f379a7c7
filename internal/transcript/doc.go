// Package transcript turns messages from the bus into rows of a store: what an
// activity is, which key and columns it gets, what must not be stored, and what
// becomes of a message that cannot be.
//
// [Recorder] does the work and [Store] keeps the rows. What a store lets the
// service desk read is an [Archive], what it lets others erase an [Eraser], and all
// that it holds [Contents]; packages filestore and tablestore implement these
// four. What happens to a message depends on the message alone and never on the
// clock, on its neighbours or on what came before, so that the broker may deliver
// it any number of times, in any order and grouping.
//
// An activity is kept byte for byte. Only the values that hold credentials are
// replaced, in what is stored and in what is set aside.
package transcript
