"""The members of the enumerations that every operation is held against, as names of their own.

Python 3.11 takes six times as long to find them in their class as to find a global name, and the checker looks at each
operation some twenty times.
"""

from loadtest.events import Kind, Outcome

READ = Kind.READ
ACCEPTED = Outcome.ACCEPTED
REJECTED = Outcome.REJECTED
THROTTLED = Outcome.THROTTLED
FAILED = Outcome.FAILED
UNKNOWN = Outcome.UNKNOWN
