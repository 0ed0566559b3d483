package export

import (
	"slices"

	"github.com/fluxstudio/gatehouse"
)

// Requirement is what the schema says of an attribute in its class or object.
type Requirement string

// The requirements.
const (
	Required    Requirement = "required"
	Recommended Requirement = "recommended"
	Optional    Requirement = "optional"
)

// Attribute is one attribute of an OCSF class that Gatehouse fills.
type Attribute struct {
	// Name is the path from the event: "metadata.product.name"; "[]" follows
	// the name of a list.
	Name        string
	Requirement Requirement // within the object that holds it
	Type        string      // integer, long, timestamp, number, boolean, string, object or list
	Enum        Enum        // the allowed values, where the schema lists them
	From        string      // the field of gatehouse.Record it is made from
}

// Class is one OCSF event class that Gatehouse writes.
type Class struct {
	UID         int
	Name        string
	CategoryUID int
	Category    string
	Kinds       []gatehouse.Kind // in the order of gatehouse.Kinds
	Attributes  []Attribute
	// AtLeastOne lists the schema's constraints: of each group, named like
	// attributes, one is there wherever the object that holds it is.
	AtLeastOne [][]string
}

// Classes returns the OCSF classes that Gatehouse writes, with every attribute
// that may be in an event. Requirements, types, constraints and allowed values
// are those of the schema's version OCSFVersion; of a long list of allowed
// values only those are given that Gatehouse uses.
func Classes() []Class {
	var out []Class
	for _, uid := range []classID{authentication, accountChange, entityManagement, detectionFinding, httpActivity, baseEvent} {
		info := classInfos[uid]
		c := Class{
			UID: int(uid), Name: info.name, CategoryUID: info.category, Category: categories[info.category],
			Attributes: baseAttributes(uid, info),
			AtLeastOne: [][]string{{"metadata.product.name", "metadata.product.uid"}},
		}
		for _, k := range gatehouse.Kinds() {
			if shapes[k].class == uid {
				c.Kinds = append(c.Kinds, k)
			}
		}
		classAttributes[uid](&c)
		out = append(out, c)
	}
	return out
}

var classAttributes = map[classID]func(*Class){
	baseEvent: func(c *Class) {
		c.add("unmapped", unmappedAttributes)
	},
	authentication: func(c *Class) {
		c.control()
		c.object("user", Required, "Subject", userAttributes, userConstraint)
		c.object("service", Recommended, "gatehouse", entityAttributes, entityConstraint)
		c.object("session", Recommended, "Session", []Attribute{{"uid", Recommended, "string", nil, "Session"}}, nil)
		c.Attributes = append(c.Attributes,
			Attribute{"is_remote", Recommended, "boolean", nil, "true"},
			Attribute{"logon_type_id", Recommended, "integer", logonTypes, "Network"},
			Attribute{"logon_type", Recommended, "string", nil, "Network"},
			Attribute{"auth_protocol_id", Recommended, "integer", authProtocols, "Other"},
			Attribute{"auth_protocol", Recommended, "string", nil, "Password, Token Refresh or Access Token"})
		c.client("", Recommended, Optional)
		c.actor(Optional, "Actor", operatorAttributes)
		c.AtLeastOne = append(c.AtLeastOne, []string{"service", "dst_endpoint"})
	},
	accountChange: func(c *Class) {
		c.control()
		c.object("user", Required, "Subject", userAttributes, userConstraint)
		c.actor(Recommended, "Actor, else Subject", userAttributes)
		c.object("actor.session", Optional, "Session", []Attribute{{"uid", Recommended, "string", nil, "Session"}}, nil)
		c.client("", Recommended, Optional)
	},
	entityManagement: func(c *Class) {
		c.object("entity", Required, "Kind", []Attribute{
			{"name", Recommended, "string", nil, "Kind"},
			{"type", Recommended, "string", nil, "Kind"},
		}, entityConstraint)
		c.Attributes = append(c.Attributes, Attribute{"comment", Recommended, "string", nil, "Reason"})
		c.actor(Optional, "Actor", operatorAttributes)
		c.client("", Recommended, Optional)
	},
	httpActivity: func(c *Class) {
		c.control()
		c.client("", Recommended, Recommended)
		c.object("dst_endpoint", Recommended, "gatehouse", endpointAttributes, endpointConstraint)
		c.add("unmapped", unmappedAttributes)
		c.AtLeastOne = append(c.AtLeastOne, []string{"http_request", "http_response"}, []string{"src_endpoint", "dst_endpoint"})
	},
	detectionFinding: findingAttributes,
}

// add adds an object that Gatehouse may leave out.
func (c *Class) add(name string, attributes []Attribute) {
	c.object(name, Optional, "what the class has no attribute for", attributes, nil)
}

// object adds an object with its attributes, of which one of atLeastOne must be
// there.
func (c *Class) object(name string, need Requirement, from string, attributes []Attribute, atLeastOne []string) {
	c.holder(name, "object", need, from, attributes, atLeastOne)
}

// list adds a list of objects.
func (c *Class) list(name string, need Requirement, from string, attributes []Attribute, atLeastOne []string) {
	c.holder(name, "list", need, from, attributes, atLeastOne)
}

func (c *Class) holder(name, kind string, need Requirement, from string, attributes []Attribute, atLeastOne []string) {
	c.Attributes = append(c.Attributes, Attribute{name, need, kind, nil, from})
	prefix := name + "."
	if kind == "list" {
		prefix = name + "[]."
	}
	for _, a := range attributes {
		a.Name = prefix + a.Name
		c.Attributes = append(c.Attributes, a)
	}
	if atLeastOne != nil {
		group := slices.Clone(atLeastOne)
		for i := range group {
			group[i] = prefix + group[i]
		}
		c.AtLeastOne = append(c.AtLeastOne, group)
	}
}

// actor adds who did it.
func (c *Class) actor(need Requirement, from string, user []Attribute) {
	c.object("actor", need, from, nil, []string{"user", "session"})
	c.object("actor.user", Recommended, from, user, userConstraint)
}

// client adds where a request came from, below prefix.
func (c *Class) client(prefix string, endpoint, request Requirement) {
	c.object(prefix+"src_endpoint", endpoint, "Client", endpointAttributes, endpointConstraint)
	c.object(prefix+"src_endpoint.location", Optional, "Place", locationAttributes, nil)
	c.object(prefix+"http_request", request, "Endpoint, UserAgent", requestAttributes, nil)
	c.object(prefix+"http_request.url", Recommended, "Endpoint", []Attribute{{"path", Recommended, "string", nil, "Endpoint"}}, []string{"url_string", "path"})
}

// control adds the attributes of the security_control profile.
func (c *Class) control() {
	c.Attributes = append(c.Attributes,
		Attribute{"action_id", Recommended, "integer", actions, "Kind, Finding.Actions"},
		Attribute{"action", Optional, "string", nil, "Kind, Finding.Actions"},
		Attribute{"disposition_id", Recommended, "integer", dispositions, "Kind, Finding.Actions"},
		Attribute{"disposition", Optional, "string", nil, "Kind, Finding.Actions"},
		Attribute{"metadata.profiles", Optional, "strings", nil, "security_control, where action_id is"})
}
