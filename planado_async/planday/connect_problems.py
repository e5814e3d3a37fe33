"""What may go wrong on the pages of `connect`, and what they say to do about it; all of it pure.

Nothing here quotes what a browser or a server has said, beyond a word that OAuth knows.
"""

from math import ceil

from attrs import evolve

from planado_async.core.errors import (
    APIError,
    PlanadoError,
    RateLimitError,
    ServerError,
)
from planado_async.planday.connect_pages import Problem
from planado_async.planday.identity import reason_of

TRY_AGAIN = 30
"""Seconds after which to try again, where Planday does not say."""

STALE = Problem(
    status=403,
    title="This form is out of date",
    text="The page was open for too long, or your browser keeps no cookies for it. "
    "Go back, load the page again and send the form from there.",
)
NOT_BEGUN = Problem(
    status=400,
    title="This sign-in cannot be used",
    text="It was used already, is older than ten minutes, or was begun in another browser. If the "
    "page before told you that Planday is connected, all is well. Otherwise begin again.",
)
NO_CODE = Problem(
    status=400,
    title="Planday sent no code",
    text="You came back from Planday without the code that a token is had with. Begin again.",
)
NO_REFRESH_TOKEN = Problem(
    status=502,
    title="Planday gave no lasting token",
    text="It gave one for an hour only, and nothing was kept. In Planday, authorise the app under "
    "Settings / Integrations / API Access, and enter its App ID and token here.",
)
BAD_APP_ID = Problem(
    status=400,
    title="This is no App ID",
    text="An App ID looks like 1b4e28ba-2fa1-4d3b-a3f5-ef19b5a7633b. Copy it whole from the app's "
    "tile in Planday: Settings / Integrations / API Access.",
)
BAD_TOKEN = Problem(
    status=400,
    title="This is no token",
    text="It is empty or holds characters that no token has. Copy it whole from the app's tile in "
    "Planday: Settings / Integrations / API Access.",
)
NOT_STORED = Problem(
    status=500,
    title="The token could not be kept",
    text="Planday takes it, but this service could not put it into its store; its log says why.",
)

TOLD_BADLY = (
    "The grant is kept, but the service failed to take note of it; its log says why. Tell those "
    "who run it."
)

_UNKNOWN_APP = Problem(
    status=400,
    title="Planday does not know this App ID",
    text="The app was deleted, or the App ID is wrong. Look for it in Planday: "
    "Settings / Integrations / API Access.",
)
_CODE_REFUSED = Problem(
    status=400,
    title="Planday does not take its own code",
    text="The code is older than five minutes, or used up. Begin again. If it ends so again, tell "
    "those who run this service: the app's redirect URLs may lack the one of this page.",
)
_TOKEN_REFUSED = Problem(
    status=400,
    title="Planday does not take this token",
    text="It belongs to another app, was revoked, was replaced when somebody authorised the app "
    "again, or the administrator who authorised it is no longer active. Press Authorise on the app "
    "in Planday, and copy App ID and token from the same tile.",
)
_NOT_LET_IN = Problem(
    status=400,
    title="Planday does not let the token in",
    text="It gave a token and refused a call made with it. The administrator who authorised the "
    "app may be no longer active, or the app was authorised again just now.",
)
_NOT_ASKED = Problem(
    status=502,
    title="Planday did not answer",
    text="It could not be reached, or said nothing that can be understood. Try again in {seconds} "
    "seconds.",
)
_ENDED = {
    "access_denied": "The app was not authorised, as somebody chose to cancel. If that was a "
    "mistake, begin again.",
    "invalid_scope": "The scopes asked for are not those the app has. Tell those who run this "
    "service: it has to ask for all scopes of the app and for no other.",
}


def ended(word: str) -> Problem:
    """Return what it means to come back from Planday with an error."""
    text = _ENDED.get(
        word,
        "Planday ended the sign-in. Begin again. If it ends so again, tell those who run this "
        "service.",
    )
    return Problem(status=400, title="The app was not authorised", text=text)


def of_code(error: PlanadoError) -> Problem:
    """Return what it means that there are no tokens for a code."""
    return nothing_kept(_of(error, _CODE_REFUSED))


def of_token(error: PlanadoError) -> Problem:
    """Return what it means that there is no access token for a refresh token."""
    return nothing_kept(_of(error, _TOKEN_REFUSED))


def of_portal(error: PlanadoError) -> Problem:
    """Return what it means that a portal does not tell its name."""
    return _of(error, _NOT_LET_IN)


def _of(error: PlanadoError, refused: Problem) -> Problem:
    if not isinstance(error, APIError) or isinstance(error, RateLimitError | ServerError):
        return _not_asked(error)
    unknown = reason_of(error) in ("invalid_client", "unauthorized_client")
    return _UNKNOWN_APP if unknown else refused


def _not_asked(error: PlanadoError) -> Problem:
    seconds = ceil(error.retry_after or TRY_AGAIN)
    return evolve(
        _NOT_ASKED,
        status=503 if error.retryable else 502,
        text=_NOT_ASKED.text.format(seconds=seconds),
        retry_after=seconds,
    )


# --- What has become of a token -------------------------------------------------------------------


def nothing_kept(problem: Problem) -> Problem:
    """Return a problem that changed nothing."""
    return _with(problem, "Nothing was kept.")


def set_aside(problem: Problem, name: str) -> Problem:
    """Return a problem after which a new token is kept, but not as the portal's."""
    return _with(
        problem,
        f"The new token is not lost: it is set aside under the name {name}. Connect the portal "
        "again when the cause is mended. Those who run this service can then remove what was set "
        "aside.",
    )


def lost(problem: Problem) -> Problem:
    """Return a problem after which a new token is nowhere."""
    text = (
        "The new token could not be set aside either, and the one of before may be good no more. "
        "Tell those who run this service, and connect the portal again when its store is mended."
    )
    return evolve(_with(problem, text), status=500, retry_after=None)


def other_app(app_id: str) -> str:
    """Return what to do about a grant for another App ID than the service's own."""
    return (
        f"This is not the App ID that this service works with by itself, which is {app_id}. Tell "
        "those who run it, as a client has to be opened with yours."
    )


def _with(problem: Problem, text: str) -> Problem:
    return evolve(problem, text=f"{problem.text} {text}")
