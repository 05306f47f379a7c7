package ratelimit

// Kept tells how many buckets are held.
func (l *Limiter) Kept() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.recent) + len(l.older)
}
