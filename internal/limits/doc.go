// Package limits limits requests by their caller, failed credentials by their address, and how many requests are
// processed at once. It knows no request and no credential, only names of callers and addresses.
//
// What it keeps is in this process only, and bounded: the names that have not been used for longest are dropped first.
package limits
