package app

// ControlCrowd is for tests.
var ControlCrowd = controlCrowd
