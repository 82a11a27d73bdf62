// Command ogen is a client of ogen, against the server at GSM_URL.
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"game-session-manager/tools/contract/ogen/gsm"
)

// key is the credential of every request.
type key struct{}

// Bearer implements [gsm.SecuritySource].
func (key) Bearer(context.Context, gsm.OperationName) (gsm.Bearer, error) {
	return gsm.Bearer{Token: os.Getenv("GSM_KEY")}, nil
}

func main() {
	log.SetFlags(0)
	ctx := context.Background()
	client, err := gsm.NewClient(os.Getenv("GSM_URL"), key{})
	if err != nil {
		log.Fatal(err)
	}
	mode := gsm.NewOptString("ogen")
	created, err := client.CreateSession(ctx, &gsm.SessionRequest{
		MaxPlayers: 2, Mode: mode, Region: gsm.NewOptString("eu"),
		Attributes: gsm.NewOptSessionRequestAttributes(gsm.SessionRequestAttributes{
			"mmr": gsm.NewFloat64SessionRequestAttributesItem(1200),
			"map": gsm.NewStringSessionRequestAttributesItem("dust 2"),
		}),
	}, gsm.CreateSessionParams{})
	opened, ok := created.(*gsm.JoinedSessionHeaders)
	if err != nil || !ok {
		log.Fatalf("create: %v %+v", err, created)
	}
	if s := opened.Response; !s.EndReason.Null || s.Attributes["mmr"].Float64 != 1200 {
		log.Fatalf("created: %+v", s)
	}
	filter := gsm.ListSessionsAttributes{"mmr": "1200", "map": "dust 2"}
	for _, params := range []gsm.ListSessionsParams{
		{Mode: mode, Attributes: gsm.NewOptListSessionsAttributes(filter)},
		{Mode: mode, Attribute: []string{"mmr:1200", "map:dust 2"}},
	} {
		listed, err := client.ListSessions(ctx, params)
		page, ok := listed.(*gsm.PageSessionHeaders)
		if err != nil || !ok {
			log.Fatalf("list: %v %+v", err, listed)
		}
		if found := page.Response; len(found.Items) != 1 || found.Items[0].ID != opened.Response.ID {
			log.Fatalf("%+v found %d", params, len(found.Items))
		}
	}
	none := gsm.OptNilString{}
	none.SetToNull()
	patch := gsm.PatchSessionApplicationJSON(gsm.SettingsPatch{Region: none})
	changed, err := client.PatchSession(ctx, &patch, gsm.PatchSessionParams{SessionID: opened.Response.ID})
	patched, ok := changed.(*gsm.SessionHeaders)
	if err != nil || !ok || patched.Response.Region != "" {
		log.Fatalf("patch: %v %+v", err, changed)
	}
	fmt.Println("ogen: ok")
}
