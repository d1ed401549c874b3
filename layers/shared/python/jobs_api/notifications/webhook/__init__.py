"""The webhook channel: signed payloads, the hosts to which they may be sent, and how they are sent."""
