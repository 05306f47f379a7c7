package invocation

// column is an array that has an element for each message.
type column[T any] struct {
	values []T
	read   func(*scanner) (T, error) // reads one element
}

// filler is a column of any type.
type filler interface {
	clear()
	fill(s *scanner) error
}

// clear makes the column as if its array were absent.
func (c *column[T]) clear() {
	c.values = c.values[:0]
}

// fill reads an array.
func (c *column[T]) fill(s *scanner) error {
	return s.array("an array "+declared, func() error {
		if len(c.values) == MaxMessages {
			return &TooLargeError{Limit: MaxMessages, Unit: "messages"}
		}
		value, err := c.read(s)
		c.values = append(c.values, value)
		return err
	})
}

// at returns the element for message i, or zero where the array has none.
func (c *column[T]) at(i int) T {
	if i < len(c.values) {
		return c.values[i]
	}
	var none T
	return none
}
