package redis

import (
	"encoding/json"
	"errors"

	"github.com/fluxstudio/gatehouse"
)

const (
	feedVersion = 1
	feedBatch   = 64      // records in a message
	maxFeed     = 1 << 20 // bytes of a message
)

type feedMessage struct {
	Version int                `json:"v"`
	Node    string             `json:"node"` // who sent it
	Records []gatehouse.Record `json:"records"`
}

var (
	errFeedLong    = errors.New("a message of the feed that is too long")
	errFeedMessage = errors.New("not a message of the feed of this version")
)

func encodeFeed(node string, records []gatehouse.Record) (string, error) {
	clean := make([]gatehouse.Record, len(records))
	for i, r := range records {
		clean[i] = r.Clean() // or JSON may refuse it
	}
	text, err := json.Marshal(feedMessage{feedVersion, node, clean})
	if err != nil {
		return "", err
	}
	if len(text) > maxFeed {
		return "", errFeedLong
	}
	return string(text), nil
}

// decodeFeed reads a message, which anybody who reaches the server may have
// sent.
func decodeFeed(text string) (feedMessage, error) {
	var m feedMessage
	if len(text) > maxFeed {
		return m, errFeedLong
	}
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		return m, errFeedMessage
	}
	if m.Version != feedVersion || m.Node == "" || len(m.Records) > feedBatch {
		return m, errFeedMessage
	}
	for i := range m.Records {
		m.Records[i] = m.Records[i].Clean()
		if !forAll(&m.Records[i]) {
			return m, errFeedMessage
		}
	}
	return m, nil
}
