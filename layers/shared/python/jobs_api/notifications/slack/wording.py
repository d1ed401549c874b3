"""How times and durations are written in Slack messages."""

from datetime import UTC, datetime


def slack_time(moment: datetime) -> str:
    """Write a time so that Slack shows it in each reader's time zone."""
    utc = moment.astimezone(UTC)
    return f"<!date^{int(utc.timestamp())}^{{date_short_pretty}} {{time}}|{utc:%Y-%m-%d %H:%M} UTC>"


def spoken(seconds: float) -> str:
    """Write a duration for people: `754.1` is `12 min 34 s`."""
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
