// Command gsm is the game session manager: the server, and the tools that go with it.
package main

import "os"

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }
