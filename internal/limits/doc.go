// Package limits says who may go on and who has to wait: requests by their caller, failed credentials by their address, and
// how many requests there may be at once. It knows no request and no credential, only names of callers and addresses.
//
// What it keeps is in this process only, and bounded: the names that were not seen for longest are forgotten first.
package limits
