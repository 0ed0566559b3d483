package notify

// The cleaning of texts and the wording of errors, for fuzzing and tables.
var (
	Line     = line
	Chat     = chat
	Wordless = wordless
	SMSParts = smsParts
	Span     = span
)

func (m Message) ChatText(limit int) string { return m.chatText(limit) }
