package client_test

import (
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	standard "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"game-session-manager/client"
)

// A secret that is missing is an error, also beside a good one: anybody can sign by an empty one.
func TestVerifyWebhookSecrets(t *testing.T) {
	t.Parallel()
	good := "whsec_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", 32)))
	other := "whsec_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("o", 32)))
	body := []byte(`{"type":"webhook.test","timestamp":"2026-03-01T12:00:00Z","data":{}}`)
	signed := func(secret string) http.Header {
		by, err := standard.NewWebhook(secret)
		if err != nil {
			t.Fatal(err)
		}
		now := time.Now()
		signature, err := by.Sign("id", now, body)
		if err != nil {
			t.Fatal(err)
		}
		h := http.Header{}
		h.Set(standard.HeaderWebhookID, "id")
		h.Set(standard.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
		h.Set(standard.HeaderWebhookSignature, signature)
		return h
	}
	for _, secrets := range [][]string{{good}, {other, good}, {good, other}} {
		if m, err := client.VerifyWebhook(signed(good), body, secrets...); err != nil || m.Type != "webhook.test" {
			t.Errorf("%q: %+v, %v", secrets, m, err)
		}
	}
	for _, secrets := range [][]string{{other}, {}} {
		if _, err := client.VerifyWebhook(signed(good), body, secrets...); !errors.Is(err, client.ErrWebhookSignature) {
			t.Errorf("%q: %v", secrets, err)
		}
	}
	for _, bad := range []string{"", "whsec_", "whsec_a2V5", good[:len("whsec_")+31], good[:len(good)-2] + "?="} {
		for _, secrets := range [][]string{{bad}, {good, bad}, {bad, good}} {
			for _, by := range []string{good, "whsec_"} {
				_, err := client.VerifyWebhook(signed(by), body, secrets...)
				switch {
				case err == nil, errors.Is(err, client.ErrWebhookSignature), !strings.Contains(err.Error(), "secret "):
					t.Errorf("%q, signed by %q: %v", secrets, by, err)
				case strings.Contains(err.Error(), good):
					t.Errorf("the error has the secret: %v", err)
				}
			}
		}
	}
}
