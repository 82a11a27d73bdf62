// Package top shows what one running gsm does, live on a terminal or once as text.
//
// It reads only the ops listener. A [Moment] is the state of the metrics at one time, [Figures] are the differences
// between two moments, and a [Screen] draws them at a given size: these are pure. [Source] makes the requests, and
// [Top] controls the terminal.
package top
