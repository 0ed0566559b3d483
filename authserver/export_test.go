package authserver

// Parse parses a body for the fields of a login.
func Parse(body []byte) (email, password string, err error) {
	err = parse(body, fields{"email": &email, "password": &password})
	return email, password, err
}
