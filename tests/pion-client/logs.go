package main

import (
	"fmt"
	"maps"
	"os"
	"strings"
	"sync"

	"github.com/pion/logging"
)

// Counts what Pion complains about, by part: a packet that cannot be decrypted is known by its log alone.
type logCounter struct {
	mutex  sync.Mutex
	counts map[string]int
}

func (l *logCounter) NewLogger(scope string) logging.LeveledLogger {
	return &countingLogger{scope, l}
}

func (l *logCounter) snapshot() map[string]int {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return maps.Clone(l.counts)
}

type countingLogger struct {
	scope   string
	counter *logCounter
}

func (l *countingLogger) note(level, text string) {
	what := l.scope + " " + level
	// Of a stream that was stopped while the report was on its way: no fault, if it stays at one or two.
	if strings.HasPrefix(text, "Incoming unhandled RTCP") {
		what = "late rtcp"
	}
	l.counter.mutex.Lock()
	l.counter.counts[what]++
	l.counter.mutex.Unlock()
	fmt.Fprintf(os.Stderr, "%s %s: %s\n", level, l.scope, text)
}

func (l *countingLogger) Trace(string)          {}
func (l *countingLogger) Tracef(string, ...any) {}
func (l *countingLogger) Debug(string)          {}
func (l *countingLogger) Debugf(string, ...any) {}

// SRTP says at this level what it could not decrypt; the others are chatty.
func (l *countingLogger) Info(text string) {
	if l.scope == "srtp" {
		l.note("info", text)
	}
}
func (l *countingLogger) Infof(format string, args ...any) { l.Info(fmt.Sprintf(format, args...)) }

func (l *countingLogger) Warn(text string)                  { l.note("warn", text) }
func (l *countingLogger) Warnf(format string, args ...any)  { l.Warn(fmt.Sprintf(format, args...)) }
func (l *countingLogger) Error(text string)                 { l.note("error", text) }
func (l *countingLogger) Errorf(format string, args ...any) { l.Error(fmt.Sprintf(format, args...)) }
