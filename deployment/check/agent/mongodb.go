package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// mongosh stands in for mongosh with init.js: it makes the user gsm in what stands in for mongod, which is no replica set. It wants what
// init.js wants.
func mongosh(ctx context.Context, args []string) (err error) {
	if _, err := os.Stat(args[len(args)-1]); err != nil {
		return err
	}
	for _, name := range []string{"ROOT_PASSWORD", "GSM_PASSWORD", "EXPORTER_PASSWORD", "BACKUP_PASSWORD"} {
		if os.Getenv(name) == "" {
			return fmt.Errorf("%s is not set", name)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	client, err := mongo.Connect(options.Client().ApplyURI("mongodb://root:" + os.Getenv("ROOT_PASSWORD") + "@mongodb-0.mongodb.data-namespace.svc.cluster.local:27017/?directConnection=true"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, client.Disconnect(context.WithoutCancel(ctx))) }()
	for {
		err := client.Database("admin").RunCommand(ctx, bson.D{
			{Key: "createUser", Value: "gsm"},
			{Key: "pwd", Value: os.Getenv("GSM_PASSWORD")},
			{Key: "roles", Value: bson.A{bson.D{{Key: "role", Value: "readWriteAnyDatabase"}, {Key: "db", Value: "admin"}}, bson.D{{Key: "role", Value: "clusterAdmin"}, {Key: "db", Value: "admin"}}}},
		}).Err()
		if err == nil || strings.Contains(err.Error(), "already exists") {
			fmt.Println("a stand-in for mongosh: the user gsm is there")
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(time.Second):
		}
	}
}

// exporter stands in for mongodb_exporter.
func exporter(ctx context.Context) error {
	uri := os.Getenv("MONGODB_URI")
	if !strings.HasPrefix(uri, "mongodb://exporter:") || strings.Contains(uri, "$(") {
		return errors.New("MONGODB_URI has no password")
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { answer(w, "a stand-in") })
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) { answer(w, "mongodb_exporter_stand_in 1") })
	return serve(ctx, ":9216", mux)
}
