"""The Slack channel: which messages are sent, how they are grouped and worded, and the client that posts them."""
