// Package deploy holds what runs beside Gatehouse: alert rules for Prometheus and
// a dashboard for Grafana. It has only tests, which hold them to what is measured.
package deploy
