"""The grammar of DynamoDB's expressions: from a text to a tree.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.OperatorsAndFunctions.html
"""

from dataclasses import dataclass

from local.emulator.dynamodb.tokens import Tokens
from local.emulator.errors import invalid

_FUNCTIONS = {
    "attribute_exists": 1,
    "attribute_not_exists": 1,
    "attribute_type": 2,
    "begins_with": 2,
    "contains": 2,
}
COMPARATORS = ("=", "<>", "<", "<=", ">", ">=")


@dataclass(frozen=True)
class Path:
    """Where a value is: the attribute names and list positions that lead to it."""

    steps: tuple[str | int, ...]


@dataclass(frozen=True)
class Given:
    """A value of the request, by its name there, such as `:0`."""

    name: str


@dataclass(frozen=True)
class Call:
    """A function or an operator of an expression with its operands."""

    name: str
    operands: tuple["Node", ...]


type Node = Path | Given | Call


@dataclass(frozen=True)
class Update:
    """An update: what each clause does, as pairs of a path and an operand (None for REMOVE)."""

    sets: tuple[tuple[Path, Node], ...]
    removes: tuple[Path, ...]
    adds: tuple[tuple[Path, Given], ...]
    deletes: tuple[tuple[Path, Given], ...]


class Parser(Tokens):
    """Reads one expression; raises AwsError where DynamoDB would refuse it."""

    def condition(self) -> Node:
        """Read a condition."""
        found = self._alternatives()
        self._expect_end()
        return found

    def paths(self) -> tuple[Path, ...]:
        """Read a projection."""
        found = [self._path()]
        while self._take(","):
            found.append(self._path())
        self._expect_end()
        return tuple(found)

    def update(self) -> Update:
        """Read an update."""
        parts: dict[str, list[tuple[Path, Node | None]]] = {}
        while self._at < len(self._tokens):
            clause = self._next().upper()
            if clause not in {"SET", "REMOVE", "ADD", "DELETE"} or clause in parts:
                raise self._syntax_error()
            parts[clause] = [self._action(clause)]
            while self._take(","):
                parts[clause].append(self._action(clause))
        if not parts:
            raise invalid(f"Invalid {self._kind}: The expression can not be empty;")
        sets, adds, deletes = (
            [(path, to) for path, to in parts.get(name, []) if to] for name in ("SET", "ADD", "DELETE")
        )
        return Update(
            tuple(sets),
            tuple(path for path, _ in parts.get("REMOVE", [])),
            tuple((path, to) for path, to in adds if isinstance(to, Given)),
            tuple((path, to) for path, to in deletes if isinstance(to, Given)),
        )

    def _action(self, clause: str) -> tuple[Path, Node | None]:
        path = self._path()
        if clause == "REMOVE":
            return path, None
        if clause == "SET":
            self._expect("=")
            return path, self._sum()
        given = self._operand()
        if not isinstance(given, Given):
            raise self._syntax_error()
        return path, given

    def _sum(self) -> Node:
        left = self._assigned()
        if (sign := self._peek()) in {"+", "-"}:
            self._at += 1
            return Call(sign, (left, self._assigned()))
        return left

    def _assigned(self) -> Node:
        name = self._peek().lower()
        if name in {"if_not_exists", "list_append"} and self._peek(1) == "(":
            self._at += 2
            first = self._path() if name == "if_not_exists" else self._assigned()
            self._expect(",")
            second = self._assigned()
            self._expect(")")
            return Call(name, (first, second))
        if self._take("("):
            found = self._sum()
            self._expect(")")
            return found
        return self._operand()

    def _alternatives(self) -> Node:
        found = [self._conjunction()]
        while self._take_word("OR"):
            found.append(self._conjunction())
        return found[0] if len(found) == 1 else Call("or", tuple(found))

    def _conjunction(self) -> Node:
        found = [self._negation()]
        while self._take_word("AND"):
            found.append(self._negation())
        return found[0] if len(found) == 1 else Call("and", tuple(found))

    def _negation(self) -> Node:
        if self._take_word("NOT"):
            return Call("not", (self._negation(),))
        if self._take("("):
            found = self._alternatives()
            self._expect(")")
            return found
        return self._test()

    def _test(self) -> Node:
        name = self._peek()
        if name in _FUNCTIONS and self._peek(1) == "(":
            self._at += 2
            operands = [self._operand()]
            while self._take(","):
                operands.append(self._operand())
            self._expect(")")
            if len(operands) != _FUNCTIONS[name]:
                reason = f"operator or function: {name}, number of operands: {len(operands)}"
                raise invalid(f"Invalid {self._kind}: Incorrect number of operands for operator or function; {reason}")
            return Call(name, tuple(operands))
        operand = self._operand()
        if self._take_word("BETWEEN"):
            low = self._operand()
            if not self._take_word("AND"):
                raise self._syntax_error()
            return Call("between", (operand, low, self._operand()))
        if self._take_word("IN"):
            self._expect("(")
            members = [self._operand()]
            while self._take(","):
                members.append(self._operand())
            self._expect(")")
            return Call("in", (operand, *members))
        comparator = self._next()
        if comparator not in COMPARATORS:
            self._at -= 1
            raise self._syntax_error()
        return Call(comparator, (operand, self._operand()))

    def _operand(self) -> Node:
        word = self._peek()
        if word.startswith(":"):
            self._at += 1
            return Given(word)
        if word == "size" and self._peek(1) == "(":
            self._at += 2
            path = self._path()
            self._expect(")")
            return Call("size", (path,))
        return self._path()

    def _path(self) -> Path:
        steps: list[str | int] = [self._name()]
        while True:
            if self._take("."):
                steps.append(self._name())
            elif self._take("["):
                place = self._next()
                if not place.isdecimal():
                    self._at -= 1
                    raise self._syntax_error()
                steps.append(int(place))
                self._expect("]")
            else:
                return Path(tuple(steps))

    def _name(self) -> str:
        token = self._next()
        if token.startswith("#"):
            if token not in self._names:
                reason = (
                    f"An expression attribute name used in the document path is not defined; attribute name: {token}"
                )
                raise invalid(f"Invalid {self._kind}: {reason}")
            return self._names[token]
        if not (token[:1].isalpha() or token[:1] == "_"):
            self._at -= 1
            raise self._syntax_error()
        return token
