"""The webhook channel: signed payloads, where they may go, and how they are sent."""
