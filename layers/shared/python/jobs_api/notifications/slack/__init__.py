"""The Slack channel: which messages are sent, grouped and worded how, and the client that sends them."""
