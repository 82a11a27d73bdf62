package helm

import (
	"strings"
	"testing"
)

// refusals are values that must be rejected, with words of the message.
var refusals = map[string]struct{ set, says string }{
	"no image":               {"image.repository=", "image.repository is empty"},
	"a name that is unknown": {"replicas=2", "additional properties 'replicas' not allowed"},
	"one below":              {"image.repo=gsm", "additional properties 'repo' not allowed"},
	"a variable that is unknown": {
		"config.GSM_LOG_LEVL=debug",
		"additional properties 'GSM_LOG_LEVL' not allowed",
	},
	"a variable of the chart": {
		"config.GSM_HTTP_ADDR=:80",
		"additional properties 'GSM_HTTP_ADDR' not allowed",
	},
	"a value out of its list":   {"config.GSM_LOG_LEVEL=loud", "/config/GSM_LOG_LEVEL"},
	"no duration":               {"config.GSM_REQUEST_TIMEOUT=fast", "/config/GSM_REQUEST_TIMEOUT"},
	"another database":          {"database.type=postgres", "/database/type"},
	"a number for a tag":        {"image.tag=12", "/image/tag"},
	"a digest that is none":     {"image.digest=latest", "/image/digest"},
	"a port that is none":       {"service.port=70000", "/service/port"},
	"a negative number of pods": {"replicaCount=-1", "/replicaCount"},
	"a delay that gsm refuses":  {"shutdown.delaySeconds=61", "/shutdown/delaySeconds"},
	"a wait that gsm refuses":   {"database.waitSeconds=601", "/database/waitSeconds"},
	"a name that DNS refuses":   {"fullnameOverride=My_Lobby", "/fullnameOverride"},
	"SQLite twice": {
		"replicaCount=2",
		"replicaCount is 2 with database.type=sqlite: the embedded store has one process",
	},
	"SQLite autoscaled": {
		"autoscaling.enabled=true",
		"autoscaling.enabled with database.type=sqlite",
	},
	"SQLite with a URL": {
		"database.url=mongodb://h/gsm",
		"with database.type=sqlite, which has no URL",
	},
	"SQLite with a Secret": {
		"database.existingSecret=db",
		"with database.type=sqlite, which has no URL",
	},
	"a claim and no persistence": {
		"persistence.enabled=false,persistence.existingClaim=c",
		"without persistence.enabled",
	},
	"MongoDB without a URL": {"database.type=mongodb", "database.type=mongodb without a database"},
	"MongoDB with two": {
		"database.type=mongodb,database.url=mongodb://h/gsm,database.existingSecret=s",
		"database.url and database.existingSecret",
	},
	"MongoDB with a claim": {
		"database.type=mongodb,database.existingSecret=s,persistence.existingClaim=c",
		"keeps nothing on a volume",
	},
	"a URL of another kind": {
		"database.type=mongodb,database.url=postgres://u:hunter2@h/gsm",
		"database.url does not begin with mongodb://",
	},
	"an admin key that is none":  {"adminKey.value=hunter2", "adminKey.value is not gsm_ID_SECRET"},
	"a secret key that is short": {"secretKey.value=hunter2", "secretKey.value has fewer than 32 characters"},
	"two admin keys": {
		"adminKey.existingSecret=s,adminKey.value=gsm_a_0123456789abcdef0123456789abcdef",
		"adminKey.value and adminKey.existingSecret",
	},
	"two secret keys": {
		"secretKey.existingSecret=s,secretKey.value=0123456789abcdef0123456789abcdef",
		"secretKey.value and secretKey.existingSecret",
	},
	"a monitor without metrics": {"metrics.serviceMonitor.enabled=true", "without metrics.enabled"},
	"the fewest are the most": {
		"database.type=mongodb,database.existingSecret=s,autoscaling.enabled=true,autoscaling.minReplicas=11",
		"is more than autoscaling.maxReplicas",
	},
	"an Ingress without a host": {"ingress.enabled=true", "without ingress.hosts"},
	"a port of nodes inside":    {"service.nodePort=30080", "with service.type=ClusterIP: use NodePort"},
	"a load balancer that is none": {
		"service.loadBalancerClass=x",
		"with service.type=ClusterIP: use LoadBalancer",
	},
	"a variable twice": {
		"extraEnv[0].name=GSM_DATABASE_URL,extraEnv[0].value=x",
		"extraEnv has GSM_DATABASE_URL, which the chart sets",
	},
	"a label twice":        {`podLabels.app\.kubernetes\.io/name=x`, "podLabels has app.kubernetes.io/name"},
	"a common label twice": {`commonLabels.helm\.sh/chart=x`, "commonLabels has helm.sh/chart"},
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for name, refusal := range refusals {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, problems, err := helm(
				t, "template", "games", chart, "--set", "image.repository=gsm", "--set", refusal.set,
			)
			if err == nil || !strings.Contains(problems, refusal.says) {
				t.Errorf("--set %s: want %q, got %v:\n%s", refusal.set, refusal.says, err, problems)
			}
			if strings.Contains(problems, "hunter2") {
				t.Errorf("the message has the secret in it:\n%s", problems)
			}
		})
	}
}
