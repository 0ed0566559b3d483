package demo

import (
	"fmt"
	"time"
)

// cast is everybody, with those by name whom an attack is about.
type cast struct {
	all                              []*person
	ada, aylin, daniel, mateo, priya *person
}

// clockTime is a time after the beginning of the day.
func clockTime(hours, minutes int) time.Duration {
	return time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute
}

// newCast returns the people and the day that each has planned. Those whom an
// attack is about do not log in again for as long as their last known place is
// the attacker's.
func newCast() *cast {
	var c cast
	join := func(name, account, home, first, second string) *person {
		n := len(c.all)
		p := &person{
			name: name, email: account + "@example.com", home: home,
			password: fmt.Sprintf("%s-harbour-lantern-%d", passwordWords[n], 40+7*n),
			first:    newBrowser(first),
		}
		if second != "" {
			p.second = newBrowser(second)
		}
		c.all = append(c.all, p)
		return p
	}
	const h = time.Hour
	at := clockTime

	p := join("Ada Fischer", "ada", "192.0.2.5", firefoxLinux, "")
	p.visits = []visit{
		{at: at(0, 20), on: p.first, from: p.home, stay: 3 * h},
		{at: at(8, 40), on: p.first, from: office, stay: 2 * h, logout: true},
		{at: at(20, 5), on: p.first, from: p.home, stay: h},
	}
	c.ada = p

	p = join("Aylin Demir", "aylin", "192.0.2.7", edgeWindows, "")
	p.visits = []visit{
		{at: at(0, 31), on: p.first, from: p.home, stay: h},
		{at: at(8, 15), on: p.first, from: office, stay: 4 * h, slips: 1, logout: true},
		{at: at(15, 50), on: p.first, from: p.home, stay: 20 * time.Minute},
	}
	c.aylin = p

	p = join("Mateo Silva", "mateo", "192.0.2.114", chromeMac, safariPhone)
	p.visits = []visit{
		{at: at(0, 25), on: p.first, from: p.home, stay: 2 * h},
		{at: at(4, 2), on: p.second, from: mobileBrazil, stay: h},
		{at: at(9, 10), on: p.first, from: p.home, stay: 3 * h, slips: 2},
	}
	c.mateo = p

	p = join("Priya Raman", "priya", "2001:db8:1:c0::21", safariMac, "")
	p.visits = []visit{
		{at: at(0, 33), on: p.first, from: p.home, stay: 2 * h},
		{at: at(9, 40), on: p.first, from: "2001:db8:1:c0:95c1::7", stay: 5 * h},
	}
	c.priya = p

	p = join("Daniel O'Connor", "daniel", "192.0.2.82", chromeWindows, "")
	p.visits = []visit{
		{at: at(0, 38), on: p.first, from: p.home, stay: h, slips: 1},
		{at: at(12, 30), on: p.first, from: p.home, stay: 4 * h},
	}
	c.daniel = p

	// To work in Hamburg by train, 250 km in two hours, and home again.
	p = join("Jonas Weber", "jonas", "192.0.2.9", firefoxWindows, chromeAndroid)
	p.visits = []visit{
		{at: at(0, 22), on: p.first, from: p.home, stay: 30 * time.Minute},
		{at: at(7, 5), on: p.second, from: p.home, stay: h},
		{at: at(9, 0), on: p.first, from: "198.51.100.20", stay: 3 * h, slips: 1, logout: true},
		{at: at(18, 30), on: p.second, from: mobileGermany, stay: h},
		{at: at(20, 40), on: p.first, from: p.home, stay: h},
	}

	p = join("Chloé Martin", "chloe", "192.0.2.100", safariPad, safariPhone)
	p.visits = []visit{
		{at: at(0, 40), on: p.first, from: p.home, stay: h},
		{at: at(1, 5), on: p.second, from: p.home, stay: h},
		{at: at(11, 20), on: p.first, from: p.home, stay: 3 * h},
	}

	p = join("田中 結衣", "yui", "2001:db8:1:70::5", safariPhone, chromeMac)
	p.visits = []visit{
		{at: at(0, 42), on: p.first, from: p.home, stay: 2 * h},
		{at: at(10, 50), on: p.second, from: p.home, stay: 4 * h, logout: true},
	}

	p = join("Kwame Mensah", "kwame", "192.0.2.68", chromeAndroid, "")
	p.visits = []visit{
		{at: at(0, 36), on: p.first, from: p.home, stay: h},
		{at: at(6, 30), on: p.first, from: p.home, stay: 3 * h},
		{at: at(17, 0), on: p.first, from: p.home, stay: 2 * h, slips: 3},
	}

	p = join("Zoë Ångström", "zoe", "192.0.2.50", firefoxMac, safariPhone)
	p.visits = []visit{
		{at: at(0, 28), on: p.first, from: p.home, stay: 2 * h},
		{at: at(7, 45), on: p.second, from: p.home, stay: 2 * h},
		{at: at(8, 10), on: p.first, from: p.home, stay: 5 * h},
		{at: at(19, 0), on: p.second, from: unplaced, stay: h},
	}

	p = join("Fatima Zahra", "fatima", "192.0.2.132", chromeAndroid, firefoxLinux)
	p.visits = []visit{
		{at: at(0, 45), on: p.first, from: p.home, stay: h},
		{at: at(13, 30), on: p.second, from: p.home, stay: 4 * h, slips: 1, logout: true},
		{at: at(22, 10), on: p.first, from: p.home, stay: h},
	}

	// Four wrong ones, a right one, and four wrong ones again within the same
	// five minutes: the success in between has made good the first four.
	p = join("Sam Lee", "sam", "192.0.2.20", edgeWindows, safariPhone)
	p.visits = []visit{
		{at: at(0, 47), on: p.first, from: p.home, stay: h},
		{at: at(14, 10), on: p.first, from: p.home, slips: 4, logout: true},
		{at: at(14, 12), on: p.first, from: p.home, stay: 3 * h, slips: 4},
		{at: at(21, 30), on: p.second, from: p.home, stay: h},
	}
	return &c
}

// passwordWords begin the people's passwords, which are good for one day.
var passwordWords = [...]string{
	"copper", "velvet", "juniper", "marble", "thistle", "walnut",
	"saffron", "pebble", "cobalt", "willow", "amber", "granite",
}
