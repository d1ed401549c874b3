"""The actor of a write: the token of a request, or the operator who ran jobsctl."""

from jobs_api.model.document import Absent, Document


class Actor(Document):
    """A token by its id; `name` is the token's description, absent where it has none."""

    token_id: str
    name: Absent[str] = None
