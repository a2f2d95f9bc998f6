"""How the REST API says no. Source: Twilio "REST API: errors"."""


class RefusalError(Exception):
    """The API says no: the HTTP status, Twilio's error code, and the reason."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message

    def body(self) -> dict[str, object]:
        """The JSON body of such an answer."""
        more = f"https://www.twilio.com/docs/errors/{self.code}"
        return {"code": self.code, "message": self.message, "more_info": more, "status": self.status}
