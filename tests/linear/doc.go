// Package linear checks that what concurrent clients saw of a session is what they would have seen if their requests
// had been served one at a time, each at some moment between its call and its return.
//
// Its specification of a session is written anew and shares no code with the service, so that a fault of the rules
// shows as well as one of the store. It covers what clients see of seats: who is in, in which order, with which
// status, who hosts, which version it is, and why a request was rejected.
package linear
