// Package limits limits the rate of requests per caller, of failed credentials per address and key, of wrong guesses at
// other secrets, and the number of requests in process. It knows names of callers and addresses, but neither requests
// nor credentials.
//
// All state is local to this process and bounded: the least recently used names are dropped first.
package limits
