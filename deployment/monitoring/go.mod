module game-session-manager/deployment/monitoring

go 1.26.0
