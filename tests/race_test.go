//go:build race

package tests_test

// raceDetector says that these tests were built with the race detector, and so the server they test shall be.
const raceDetector = true
