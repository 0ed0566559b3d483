// Package deploy holds what runs beside Gatehouse, or runs it: alert rules for
// Prometheus, a dashboard for Grafana, a unit for systemd. It has only tests,
// which hold these and the container's files to what is measured and configured.
package deploy
