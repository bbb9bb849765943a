"""Stand-ins for the outside world: ministry, mailbox, SMS. Never part of a production image."""
