"""What OpenAI's own package for Python knows of an event."""

from collections.abc import Iterator

from pydantic import BaseModel


def kind(event: BaseModel) -> str:
    return str(event.model_dump()["type"])


def strangers(model: BaseModel, path: str = "") -> Iterator[str]:
    """Name every key the package does not know, at any depth: the service refuses an event for one of them."""
    yield from (f"{path}{name}" for name in model.model_extra or {})
    for name in model.model_fields_set & set(type(model).model_fields):
        if isinstance(value := getattr(model, name), BaseModel):
            yield from strangers(value, f"{path}{name}.")
