"""The times of one license by itself: whether it has begun, its phase, and the instants at which that changes.

All instants are epoch seconds; `now` is the effective one for the license's issuer.
"""

from typing import Final

from licet.core import bounds
from licet.core.reasons import State
from licet.core.timestamps import SECONDS_PER_DAY
from licet.core.token import VerifiedToken

EXPIRING_SOON_SECONDS: Final = 30 * SECONDS_PER_DAY


def is_issued(token: VerifiedToken, now: int) -> bool:
    """Tell whether the license was issued by now, give or take what clocks may differ."""
    return token.claims.iat <= now + bounds.CLOCK_LEAD_SECONDS


def has_begun(token: VerifiedToken, now: int) -> bool:
    """Tell whether the license was issued and its `nbf` has passed."""
    return is_issued(token, now) and token.claims.nbf <= now


def phase_of(token: VerifiedToken, now: int) -> State:
    """Tell whether a license that has begun is active, in its grace period or expired."""
    if now < token.claims.exp:
        return State.ACTIVE
    return State.GRACE if now < token.claims.grace_until else State.EXPIRED


def expires_soon(token: VerifiedToken, now: int) -> bool:
    """Tell whether a license that has begun is to be renewed: it expires within 30 days, or is in its grace period."""
    return now < token.claims.grace_until and token.claims.exp - now <= EXPIRING_SOON_SECONDS


def next_change(token: VerifiedToken, now: int) -> int | None:
    """Give the next instant at which time alone changes an answer of this module; None if none will."""
    claims = token.claims
    instants = (
        claims.iat - bounds.CLOCK_LEAD_SECONDS,
        claims.nbf,
        claims.exp - EXPIRING_SOON_SECONDS,
        claims.exp,
        claims.grace_until,
    )
    return min((instant for instant in instants if instant > now), default=None)
