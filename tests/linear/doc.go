// Package linear checks that what concurrent clients saw of a session is what they would have seen if their requests
// had been served one at a time, each at some moment between its call and its return.
//
// Its specification of a session is written anew and shares no code with the service, so that a fault of the rules
// shows as well as one of the store. It covers what clients see of seats: who is in, in which order, in which team and
// with which status, who waits and who is next, who hosts, which join code there is and how often it was used, which
// version it is, and why a request was rejected. A history is of one session, or of two exclusive ones with the same
// players.
package linear
