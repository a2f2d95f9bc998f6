"""What cannot be meant together, although each setting by itself is usable."""

from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

_AZURE = (".openai.azure.com", ".services.ai.azure.com", ".cognitiveservices.azure.com")
_AZURE_ADDRESS = "https://<resource>.openai.azure.com/openai/v1"


def contradictions(values: Mapping[str, object]) -> Iterator[str]:
    """Say each, in a sentence; a setting that is wrong by itself is not among the values."""
    yield from _numbers(values)
    yield from _translators(values)
    yield from _azure(values)
    yield from _metrics(values)


def _numbers(values: Mapping[str, object]) -> Iterator[str]:
    own, flex, destination = (values.get(name) for name in ("caller_number", "flex_number", "agent_destination"))
    if flex and flex == own:
        yield "TWILIO_FLEX_NUMBER must not be TWILIO_CALLER_NUMBER: a number cannot call itself."
    if destination and destination == own:
        yield "AGENT_DESTINATION must not be TWILIO_CALLER_NUMBER: its callers would call themselves."
    if destination and destination == flex:
        yield "AGENT_DESTINATION must not be TWILIO_FLEX_NUMBER: set it to flex, or leave it out."


def _translators(values: Mapping[str, object]) -> Iterator[str]:
    fallback = str(values.get("translator_fallback") or "")
    if fallback.startswith("openai") and not values.get("openai_api_key", True):
        yield "OPENAI_API_KEY is not set, and TRANSLATOR_FALLBACK needs it."
    if fallback and fallback == values.get("translator"):
        yield "TRANSLATOR_FALLBACK must be another translator than TRANSLATOR."


def _metrics(values: Mapping[str, object]) -> Iterator[str]:
    """Who may do one thing shall not be able to do all, and two listeners need two ports."""
    token, port = values.get("metrics_token"), values.get("metrics_port")
    if token and token == values.get("api_token"):
        yield "METRICS_TOKEN must be another secret than API_TOKEN."
    if (password := values.get("console_password")) and password in (values.get("api_token"), token):
        yield "CONSOLE_PASSWORD must be another secret than API_TOKEN and METRICS_TOKEN."
    if port and port == values.get("api_port"):
        yield "METRICS_PORT must be another port than API_PORT."


def _azure(values: Mapping[str, object]) -> Iterator[str]:
    """Keys are sent in another header there, and only one of its two interfaces is the one that is spoken here."""
    kind, address = values.get("openai_api_type"), values.get("openai_base_url")
    if not isinstance(address, str) or kind is None:
        return
    host, path = f".{urlsplit(address).hostname}", urlsplit(address).path
    at_azure = host.endswith(_AZURE)
    if at_azure and kind != "azure":
        yield "OPENAI_API_TYPE must be azure, because OPENAI_BASE_URL is an address of Azure's."
    elif at_azure and path != "/openai/v1":
        yield f"OPENAI_BASE_URL must end in /openai/v1, the interface without versions: {_AZURE_ADDRESS}."
    elif kind == "azure" and host.endswith(".openai.com"):
        yield f"OPENAI_BASE_URL must be your own resource's, because OPENAI_API_TYPE is azure: {_AZURE_ADDRESS}."
