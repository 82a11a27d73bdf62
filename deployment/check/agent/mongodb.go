package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// mongosh stands in for mongosh running init.js: it creates the users gsm and exporter in the stand-in for mongod,
// which is not a replica set. It requires the same arguments as init.js.
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
	client, err := mongo.Connect(options.Client().ApplyURI("mongodb://root:" + os.Getenv("ROOT_PASSWORD") +
		"@mongodb-0.mongodb.data-namespace.svc.cluster.local:27017/?directConnection=true"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, client.Disconnect(context.WithoutCancel(ctx))) }()
	err = createUser(ctx, client, "gsm", os.Getenv("GSM_PASSWORD"), "readWriteAnyDatabase", "clusterAdmin")
	if err != nil {
		return err
	}
	return createUser(ctx, client, "exporter", os.Getenv("EXPORTER_PASSWORD"), "readAnyDatabase")
}

// createUser retries until the user exists.
func createUser(ctx context.Context, client *mongo.Client, name, password string, roles ...string) error {
	var granted bson.A
	for _, role := range roles {
		granted = append(granted, bson.D{{Key: "role", Value: role}, {Key: "db", Value: "admin"}})
	}
	for {
		err := client.Database("admin").RunCommand(ctx, bson.D{
			{Key: "createUser", Value: name}, {Key: "pwd", Value: password}, {Key: "roles", Value: granted},
		}).Err()
		if err == nil || strings.Contains(err.Error(), "already exists") {
			fmt.Printf("a stand-in for mongosh: the user %s is there\n", name)
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(time.Second):
		}
	}
}
