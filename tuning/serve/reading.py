"""The texts of a request: its body, read within limits, and its content."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from distune._plural import n_of
from distune.models.answers import Text, check_abstaining, lacking_side
from distune.tuning.serve.connections import Connection
from distune.tuning.serve.limits import Limits

AGAIN = {"Retry-After": "1"}
ABSTAIN_BELOW = "abstain_below"


@dataclass(eq=False)
class Body:
    """A body that is held here: read, or being read."""

    connection: Connection
    n_bytes: int = 0
    is_whole: bool = False


class Bodies:
    """The bodies of all requests until they are answered, whose bytes together are bounded."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._held: dict[Body, None] = {}
        self._n_bytes = 0

    @contextmanager
    def room(self, connection: Connection) -> Iterator[Body]:
        """A place for the body of one request, to be left when it is answered."""
        body = Body(connection)
        self._held[body] = None
        try:
            yield body
        finally:
            self._leave(body)

    def _leave(self, body: Body) -> None:
        if body in self._held:
            del self._held[body]
            self._n_bytes -= body.n_bytes

    def _grow(self, body: Body, n_bytes: int) -> None:
        """Read more of a body. If all bodies together are too large, the largest incomplete ones go, the oldest
        first. An attack on our memory sends large bodies, and small requests are complete at once."""
        body.n_bytes += n_bytes
        self._n_bytes += n_bytes
        while self._n_bytes > self._limits.max_held_bytes:
            largest = max((one for one in self._held if not one.is_whole), key=lambda one: one.n_bytes)
            if largest is body:
                raise HTTPException(503, "too many bodies wait already: try again", AGAIN)
            self._leave(largest)
            largest.connection.refuse(503, "too many bodies wait already: try again")

    async def value(self, request: Request, body: Body) -> Any:
        """The JSON value of a request."""
        limit = self._limits.max_body_bytes
        too_large = HTTPException(
            413, f"the body is too large: send at most {n_of(limit, 'byte')} at a time (--max-body-bytes)"
        )
        headers = dict(request.scope["headers"])
        if (packed := headers.get(b"content-encoding", b"identity").lower()) != b"identity":
            told = packed[:40].decode("latin-1")
            raise HTTPException(415, f"a body in Content-Encoding {told} is not taken: send it as it is")
        if b"content-length" in headers and b"transfer-encoding" in headers:
            # A proxy may have gone by the other one, and what is a body to it would be a request to us.
            reason = "a body has Content-Length or Transfer-Encoding, and not both"
            raise HTTPException(400, reason, {"Connection": "close"})
        # Before any of it is read: a client that waits for `100 Continue` then sends nothing.
        if int(headers.get(b"content-length", 0)) > limit:  # h11 takes numbers of 20 digits at most.
            raise too_large
        chunks: list[bytes] = []
        async for chunk in request.stream():
            if body not in self._held:  # It was refused to make room.
                raise ClientDisconnect
            if body.n_bytes + len(chunk) > limit:
                raise too_large
            self._grow(body, len(chunk))
            chunks.append(chunk)
        body.is_whole = True
        return json_of(b"".join(chunks))


def abstain_below_of(request: Request, usual: float | None) -> float | None:
    """The probability to abstain below: that of the query `?abstain_below=P`, or the usual one without it. Raises
    HTTPException for no number from 0 to 1, and for another key that speaks of it."""
    keys = [key for key in request.query_params if "abstain" in key.lower()]
    if not keys:
        return usual
    given = request.query_params.getlist(ABSTAIN_BELOW)
    if keys != [ABSTAIN_BELOW] or len(given) > 1:
        raise HTTPException(400, f"the query may have {ABSTAIN_BELOW}=P once, and no other word for it")
    try:
        below = float(given[0])
        check_abstaining(below)
    except ValueError:
        raise HTTPException(
            400, f"{ABSTAIN_BELOW} must be a number from 0 to 1, but got {shown_value(given[0])}"
        ) from None
    return below


def json_of(content: bytes) -> Any:
    """The value of a JSON document. Raises HTTPException for what is none, or could be read in two ways."""
    try:
        return DECODER.decode(content.decode())
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise HTTPException(400, f"the body is not JSON in UTF-8: {reason}") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"the key {json.dumps(twice)[:40]} occurs twice in one object")
    return found


def _integer(digits: str) -> int | float:
    # No number is asked for. Python would name a setting of its own for what is longer than it reads.
    return int(digits) if len(digits) < 400 else float(digits)


DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_int=_integer)


def texts_of(value: Any, limits: Limits, of_pairs: bool = False) -> list[Text]:
    """The texts of a body `{"texts": [...]}`, or its pairs of texts. Raises HTTPException for any other."""
    if not isinstance(value, dict) or set(value) != {"texts"} or not isinstance(value["texts"], list):
        shown = '[["...", "..."], ...]' if of_pairs else '["...", ...]'
        raise HTTPException(400, f'the body must be {{"texts": {shown}}}')
    return checked_texts(value["texts"], limits, of_pairs)


def texts_of_table(value: Any, limits: Limits, of_pairs: bool = False) -> list[Text]:
    """The column `text` of a table in any form that MLflow's server takes, with `text_b` if it is of pairs. Raises
    HTTPException for any other body."""
    names = ("text", "text_b") if of_pairs else ("text",)
    match value:
        case {"dataframe_records": [*records]}:
            rows = [[row.get(name) for name in names] if isinstance(row, dict) else None for row in records]
            return checked_texts(_cells(rows), limits, of_pairs)
        case {"instances": [*records]} | {"inputs": [*records]}:
            rows = [[row.get(name) for name in names] if isinstance(row, dict) else [row] for row in records]
            return checked_texts(_cells(rows), limits, of_pairs)
        case {"inputs": dict() as by_name} if all(isinstance(by_name.get(name), list) for name in names):
            if len({len(by_name[name]) for name in names}) > 1:
                raise HTTPException(400, f"the columns {' and '.join(names)} have different lengths")
            rows = [list(cells) for cells in zip(*(by_name[name] for name in names), strict=True)]
            return checked_texts(_cells(rows), limits, of_pairs)
        case {"dataframe_split": {"columns": [*columns], "data": [*data]}} if all(name in columns for name in names):
            if twice := next((name for name in names if columns.count(name) > 1), None):
                raise HTTPException(400, f"the table has more than one column {twice}")
            places = [columns.index(name) for name in names]
            fitting = [isinstance(row, list) and len(row) == len(columns) for row in data]
            rows = [[row[i] for i in places] if fits else None for row, fits in zip(data, fitting, strict=True)]
            return checked_texts(_cells(rows), limits, of_pairs)
    record = ", ".join(f'"{name}": "..."' for name in names)
    listed, cells = ", ".join(f'"{name}"' for name in names), ", ".join('"..."' for _ in names)
    raise HTTPException(
        400,
        f'the body must be {{"dataframe_records": [{{{record}}}, ...]}} or '
        f'{{"dataframe_split": {{"columns": [{listed}], "data": [[{cells}], ...]}}}}',
    )


def _cells(rows: Sequence[list[Any] | None]) -> list[Any]:
    """The one cell of each row, or the list of its two."""
    return [row[0] if row is not None and len(row) == 1 else row for row in rows]


def checked_texts(texts: Sequence[Any], limits: Limits, of_pairs: bool) -> list[Text]:
    """The texts or the pairs of a request. Raises HTTPException for what is none, and for more or longer ones than the limits."""
    if not texts:
        raise HTTPException(400, "there are no texts in the body")
    flag, most = min((limits.max_texts, "--max-texts"), (limits.max_waiting, "--max-waiting"))[::-1]
    if len(texts) > most:
        raise HTTPException(
            413, f"{n_of(len(texts), 'text is', 'texts are')} too many: send at most {most:,} at a time ({flag})"
        )
    for i, text in enumerate(texts, start=1):
        if of_pairs and isinstance(text, list) and len(text) == 2 and text.count(None) == 1:
            raise HTTPException(400, f"text {i} is a pair without its {'second' if text[1] is None else 'first'} text")
        if of_pairs and (not isinstance(text, list) or len(text) != 2):
            raise HTTPException(400, f"text {i} must be a pair of two strings, but got {shown_value(text)}")
        for side in text if of_pairs else [text]:
            _refuse_text(i, side, limits)
        if of_pairs and (lacking := lacking_side(text)):
            raise HTTPException(400, f"text {i} is a pair without its {lacking} text, which is empty")
    return list(texts)


def _refuse_text(i: int, text: Any, limits: Limits) -> None:
    if not isinstance(text, str):
        raise HTTPException(400, f"text {i} must be a string, but got {shown_value(text)}")
    if len(text) > limits.max_text_chars:
        raise HTTPException(
            413,
            f"text {i} has {n_of(len(text), 'character')}: send at most {limits.max_text_chars:,} in one (--max-text-chars)",
        )
    try:
        text.encode()
    except UnicodeEncodeError:
        raise HTTPException(400, f"text {i} holds half of a surrogate pair, which is no character") from None


def shown_value(value: Any) -> str:
    """The beginning of a value of a request, for a message."""
    if isinstance(value, (list, dict)):  # As deep as could be read may be deeper than can be written.
        return "a list" if isinstance(value, list) else "an object"
    return json.dumps(value)[:40]
