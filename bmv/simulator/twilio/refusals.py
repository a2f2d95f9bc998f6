"""How the REST API says no. Source: Twilio "REST API: errors"."""


class RefusalError(Exception):
    """The API says no: the HTTP status, Twilio's error code, the reason, and the details where there are any."""

    def __init__(self, status: int, code: int, message: str, details: dict[str, object] | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.details = status, code, message, details

    def body(self) -> dict[str, object]:
        """The JSON body of such an answer."""
        more = f"https://www.twilio.com/docs/errors/{self.code}"
        body = {"code": self.code, "message": self.message, "more_info": more, "status": self.status}
        return body if self.details is None else body | {"details": self.details}
