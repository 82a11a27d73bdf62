// Command oapi is a client of oapi-codegen, against the server at GSM_URL.
package main

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"os"

	"github.com/oapi-codegen/nullable"

	"game-session-manager/tools/contract/oapi/gsm"
)

func main() {
	log.SetFlags(0)
	ctx := context.Background()
	client, err := gsm.NewClientWithResponses(os.Getenv("GSM_URL"), gsm.WithRequestEditorFn(authorized))
	if err != nil {
		log.Fatal(err)
	}
	mode, region := "oapi-codegen", "eu"
	opened, err := client.CreateSessionWithResponse(ctx, nil, gsm.SessionRequest{
		MaxPlayers: 2, Mode: &mode, Region: &region, Attributes: &map[string]any{"mmr": 1200, "map": "dust 2"},
	})
	if err != nil || opened.JSON201 == nil {
		log.Fatalf("create: %v %s", err, opened.Body)
	}
	if s := opened.JSON201; !s.EndReason.IsNull() || !s.Connection.IsNull() || s.Attributes["mmr"] != 1200.0 {
		log.Fatalf("created: %+v", s)
	}
	for _, params := range []gsm.ListSessionsParams{
		{Mode: &mode, Attributes: &map[string]string{"mmr": "1200", "map": "dust 2"}},
		{Mode: &mode, Attribute: &[]string{"mmr:1200", "map:dust 2"}},
	} {
		found, err := client.ListSessionsWithResponse(ctx, &params)
		if err != nil || found.JSON200 == nil {
			log.Fatalf("list: %v %s", err, found.Body)
		}
		if items := found.JSON200.Items; len(items) != 1 || items[0].Id != opened.JSON201.Id {
			log.Fatalf("%+v found %d", params, len(items))
		}
	}
	patched, err := client.PatchSessionWithResponse(ctx, opened.JSON201.Id, nil, gsm.SettingsPatch{
		Region:     nullable.NewNullNullable[string](),
		Attributes: nullable.NewNullableWithValue(map[string]any{"map": nil}),
	})
	if err != nil || patched.JSON200 == nil {
		log.Fatalf("patch: %v %s", err, patched.Body)
	}
	if s := patched.JSON200; s.Region != "" || len(s.Attributes) != 1 {
		log.Fatalf("patched: %+v", s)
	}
	fmt.Println("oapi-codegen: ok")
}

func authorized(_ context.Context, r *http.Request) error {
	r.Header.Set("Authorization", "Bearer "+os.Getenv("GSM_KEY"))
	return nil
}
