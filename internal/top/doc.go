// Package top shows what one running gsm does, live on a terminal or once as text.
//
// It reads the ops listener and nothing else. A [Moment] is what the metrics said at one time, [Figures] are what
// happened between two, and a [Screen] draws them at a size: all of that is pure. [Source] asks, and [Top] owns the
// terminal.
package top
