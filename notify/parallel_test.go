package notify_test

import (
	"fmt"
	"strconv"
	"sync"
	"testing"

	"github.com/fluxstudio/gatehouse/notify"
)

// Each notifier is used by many at once.
func TestParallel(t *testing.T) {
	const clients = 64
	mails := startMail(t, mailSetup{tls: notify.StartTLS, auth: []string{"PLAIN"}})
	o := mails.options(notify.StartTLS)
	o.Username, o.Password = "gatehouse", "sesame"
	chat, _ := startChat(t, false)
	chat.answer = `{"id":1}`
	notifiers := []notify.Notifier{
		newMail(t, o),
		newWebhook(t, notify.WebhookOptions{URL: chat.URL, Reach: loopback}),
		newSMS(t, smsOptions(chat.URL)),
		newGateway(t, notify.GatewayOptions{URL: "generic://" + chat.host + "/?disabletls=yes&template=json&$x=1", Reach: loopback}),
	}
	var wg sync.WaitGroup
	for i := range clients {
		for _, n := range notifiers {
			wg.Go(func() {
				m := alert(t, fmt.Sprint("user", i), "")
				m.Key = strconv.Itoa(i)
				if err := n.Send(t.Context(), m); err != nil {
					t.Errorf("%v: %v", n, err)
				}
			})
		}
	}
	wg.Wait()
	if len(mails.mails) != clients || chat.count != 3*clients {
		t.Errorf("%d mails and %d requests of %d", len(mails.mails), chat.count, clients)
	}
	ids := map[string]bool{}
	for _, m := range mails.mails {
		ids[parse(t, m.raw).Get("Message-Id")] = true
	}
	if len(ids) != clients {
		t.Errorf("%d message IDs for %d mails", len(ids), clients)
	}
}
