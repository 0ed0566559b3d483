package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/nicholas-fedor/shoutrrr/pkg/services/chat/telegram"
)

// newTelegram reads a telegram:// URL. It is understood by shoutrrr and sent by
// us: shoutrrr takes an unreachable Telegram for a success.
func newTelegram(u *url.URL) (*telegram.Config, error) {
	s := &telegram.Service{}
	if err := s.Initialize(u, nil); err != nil {
		return nil, errInvalidURL
	}
	c := s.GetConfig()
	switch {
	case c.ParseMode != telegram.ParseModes.None:
		return nil, errors.New("leave parsemode out: messages are plain text")
	case len(c.Chats) != 1:
		return nil, errors.New("name one chat: an attempt that reaches only some cannot be made again for the others")
	}
	return c, nil
}

func (g *Gateway) telegramRequest(ctx context.Context, u *url.URL, m Message) (*http.Request, error) {
	c, err := newTelegram(u)
	if err != nil {
		return nil, err
	}
	title, text := g.content(m)
	chat, thread, _ := strings.Cut(c.Chats[0], ":")
	payload := telegram.SendMessagePayload{
		ID: chat, Text: title + "\n" + text, DisablePreview: true, DisableNotification: !c.Notification,
	}
	if n, err := strconv.Atoi(thread); err == nil {
		payload.MessageThreadID = &n
	}
	content, err := json.Marshal(payload)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://api.telegram.org/bot"+c.Token+"/sendMessage", bytes.NewReader(content))
	if err != nil {
		return nil, errInvalidURL
	}
	req.Header.Set("Content-Type", "application/json")
	return req, nil
}

// telegramAnswer judges what the status does not say.
func telegramAnswer(res *http.Response, err error) error {
	var answer struct {
		OK         bool `json:"ok"`
		Parameters struct {
			RetryAfter int `json:"retry_after"` // seconds
		} `json:"parameters"`
	}
	bad := json.NewDecoder(io.LimitReader(res.Body, maxReply)).Decode(&answer)
	if err != nil {
		return Delayed(err, time.Duration(answer.Parameters.RetryAfter)*time.Second)
	}
	if bad != nil || !answer.OK {
		return fmt.Errorf("answered %d, but not that it was delivered", res.StatusCode)
	}
	return nil
}
