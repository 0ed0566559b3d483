package accountmail

import (
	"strconv"
	"strings"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accounts"
	"github.com/fluxstudio/gatehouse/agent"
	"github.com/fluxstudio/gatehouse/notify"
)

// letter is a message before it has a receiver and a link. Nothing in it was
// typed by a client but what notify cleans: a name that somebody signed up with
// is not, so that nobody's words are sent in ours.
type letter struct {
	purpose accounts.Purpose
	message notify.Message
	most    int  // of its topic in an hour; 0: as many as there may be
	limited bool // for links to reset
}

const ifNotYou = " If it was not you, say so with the link: that signs you out everywhere, makes the password useless, and mails you a link to choose a new one. It works once, for 7 days."

// notice tells of something that a person with the password did.
func notice(e gatehouse.Event, d gatehouse.Decision) letter {
	title, text := "", ""
	severity := gatehouse.Warning
	switch e.Kind {
	case gatehouse.LoginSucceeded:
		severity = gatehouse.Info
		switch {
		case d.NewCountry && d.NewDevice:
			title, text = "Login on a new device in a new country", "Somebody logged in to your account with the right password, on a device and from a country that are both new to it."
		case d.NewCountry:
			title, text = "Login from a new country", "Somebody logged in to your account with the right password, from a country in which it was not used before."
		default:
			title, text = "Login on a new device", "Somebody logged in to your account with the right password, on a device that is new to it."
		}
	case gatehouse.PasswordChanged:
		title, text = "Your password was changed", "Somebody who knew your password changed it. All other devices were signed out."
	case gatehouse.PasswordReset:
		title, text = "You have a new password", "Somebody chose a new password for your account with a link that was mailed to you. All devices were signed out."
	case gatehouse.LoggedOutEverywhere:
		title, text = "All devices were signed out", "Somebody who was signed in to your account ended all its sessions."
	}
	return letter{purpose: accounts.ToDisown, message: about(e, title, text+" If it was you, there is nothing to do."+ifNotYou, severity)}
}

// guessed tells of guesses that were stopped.
func guessed(e gatehouse.Event, until time.Time) letter {
	text := "Somebody tried wrong passwords for your account until they were stopped. None of them was right."
	if !until.IsZero() {
		text += " Their address is blocked until " + until.UTC().Format("2 January 2006, 15:04:05 UTC") + "."
	}
	text += " There is nothing to do if your password is used nowhere else." + ifNotYou
	l := letter{purpose: accounts.ToDisown, most: 1, message: about(e, "Somebody is guessing your password", text, gatehouse.Warning)}
	l.message.Event = gatehouse.BruteForceDetected
	return l
}

// reset brings the link that was asked for.
func reset(e gatehouse.Event) letter {
	return letter{purpose: accounts.ToReset, limited: true, message: about(e, "Choose a new password",
		"Somebody asked for a new password for your account. If it was you, choose one with the link: it works once, within an hour. If it was not you, there is nothing to do: your password stays as it is.", gatehouse.Info)}
}

// disowned brings the link after "this was not me".
func disowned(e gatehouse.Event) letter {
	return letter{purpose: accounts.ToReset, message: about(e, "Choose a new password",
		"You told us that somebody else was at your account. All devices are signed out, and the old password does not work any more. Choose a new one with the link: it works once, within an hour. After that, ask for another one at the login page.", gatehouse.Warning)}
}

// about puts together what all have in common. Times are UTC, as nobody knows
// where the reader is.
func about(e gatehouse.Event, title, text string, severity gatehouse.Severity) notify.Message {
	m := notify.Message{Kind: notify.Notice, Event: e.Kind, Title: title, Text: text, Severity: severity, Time: e.Time.UTC()}
	add := func(name, value string) {
		if value != "" {
			m.Facts = append(m.Facts, notify.Fact{Name: name, Value: value})
		}
	}
	place := make([]string, 0, 2)
	for _, s := range []string{e.Place.City, e.Place.Country} {
		if s != "" {
			place = append(place, s)
		}
	}
	if len(place) == 0 {
		place = append(place, "unknown")
	}
	add("Place", strings.Join(place, ", "))
	device := e.Device.Name
	if device == "" {
		device = agent.DeviceName(e.UserAgent)
	}
	add("Device", device)
	if e.IP.IsValid() {
		add("Address", e.IP.String())
	}
	return m
}

func facts(u accounts.User) []notify.Fact {
	return []notify.Fact{{Name: "Account", Value: u.Email}}
}

func leftOut(n int) notify.Fact {
	value := strconv.Itoa(n) + " notices, as there were too many in an hour"
	if n == 1 {
		value = "1 notice, as there were too many in an hour"
	}
	return notify.Fact{Name: "Left out", Value: value}
}
